// The bar above the log.

import { button, h, icon, write } from './dom.ts'
import { number } from './time.ts'
import { ranks } from './event.ts'
import { downloadURL, fileName, jobAt } from './download.ts'
import type { Action } from './keys.ts'
import type { Times } from './settings.ts'
import type { Query } from './match.ts'

export interface Commands {
  search(query: Query): void
  step(by: 1 | -1): void
  leaveSearch(): void
  filter(rank: number): void
  run(action: Action): void
}

const icons = {
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10Zm3.6-1.4L14 14',
  up: 'm4 10 4-4 4 4', down: 'm4 6 4 4 4-4',
  wrap: 'M2 3.5h12M2 8h9.5a2.5 2.5 0 0 1 0 5H8m2-2-2 2 2 2M2 12.5h3',
  clock: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12Zm0-9.5V8l2.5 1.5',
  follow: 'M8 2v9m-4-4 4 4 4-4M3 14h10',
  download: 'M8 2v8m-3.5-3.5L8 10l3.5-3.5M2.5 11v2.5h11V11',
  help: 'M6 6a2 2 0 1 1 3 1.8c-.7.4-1 .8-1 1.7m0 2v.5',
}

export class Toolbar {
  readonly element: HTMLElement
  readonly input = h('input', {
    type: 'search', placeholder: 'Search', 'aria-label': 'Search all lines', spellcheck: 'false', autocomplete: 'off', autocapitalize: 'off',
  })
  private readonly hits = h('output', { class: 'hits' })
  private readonly regex = toggle('Regular expression', '.*', () => this.changed())
  private readonly cased = toggle('Match case', 'Aa', () => this.changed())
  private readonly wrap: HTMLButtonElement
  private readonly times: HTMLButtonElement
  private readonly follow: HTMLButtonElement
  private readonly filter = h('select', { 'aria-label': 'Least severity', onchange: () => this.commands.filter(Number(this.filter.value)) })
  private readonly box: HTMLElement
  private timer = 0

  constructor(status: HTMLElement, src: string, job: string, private readonly commands: Commands) {
    this.wrap = button('Wrap long lines (w)', icons.wrap, () => this.commands.run('wrap'))
    this.times = button('Times (t)', icons.clock, () => this.commands.run('times'))
    this.follow = button('Follow new lines (f)', icons.follow, () => this.commands.run('follow'))
    this.box = h('div', { class: 'search', role: 'search' }, icon(icons.search), this.input, this.hits, this.cased, this.regex,
      button('Previous match (N)', icons.up, () => this.commands.step(-1)), button('Next match (n)', icons.down, () => this.commands.step(1)))
    ranks.forEach((name, rank) => this.filter.append(h('option', { value: String(rank) }, name)))
    this.element = h('div', { class: 'bar', role: 'group', 'aria-label': 'Log' }, h('slot', { name: 'title' }), status, h('span', { class: 'space' }), this.box, this.filter,
      h('div', { class: 'buttons' }, this.wrap, this.times, this.follow, downloads(src, job || jobAt(src)), button('Keys (?)', icons.help, () => this.commands.run('help'))))
    this.input.addEventListener('input', () => this.soon())
    this.input.addEventListener('keydown', (e) => this.key(e))
  }

  private soon(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.changed(), 80)
  }

  private changed(): void {
    clearTimeout(this.timer)
    this.timer = 0
    this.commands.search({ text: this.input.value, regex: pressed(this.regex), cased: pressed(this.cased) })
  }

  private key(e: KeyboardEvent): void {
    if (e.isComposing) return
    if (e.key === 'Enter') {
      if (this.timer) this.changed()
      else this.commands.step(e.shiftKey ? -1 : 1)
    } else if (e.key === 'Escape') this.commands.leaveSearch()
    else return
    e.preventDefault()
  }

  focusSearch(): void {
    this.input.focus()
    this.input.select()
  }

  /** What came of the search; an error is told at the field. */
  showHits(text: string, title: string, error: boolean): void {
    this.hits.textContent = text
    this.hits.title = title
    this.box.classList.toggle('error', error)
    this.input.setAttribute('aria-invalid', String(error))
  }

  showSettings(wrap: boolean, times: Times): void {
    this.wrap.setAttribute('aria-pressed', String(wrap))
    this.times.setAttribute('aria-pressed', String(times !== 'off'))
    this.times.dataset.times = times
    this.times.title = `Times: ${times} (t)`
    this.times.setAttribute('aria-label', `Times: ${times}`)
  }

  showFollow(on: boolean): void { this.follow.setAttribute('aria-pressed', String(on)) }

  /** Nothing more comes that could be followed. */
  showOver(over: boolean): void { this.follow.hidden = over }

  showFilter(rank: number, totals: number[]): void {
    ;[...this.filter.options].forEach((option, i) => {
      const name = i === 0 ? 'all lines' : i === ranks.length - 1 ? ranks[i]! : `${ranks[i]} and worse`
      write(option, `${name} · ${number(totals[i]!)}`)
    })
    if (this.filter.value !== String(rank)) this.filter.value = String(rank) // which may be open
    this.filter.classList.toggle('on', rank > 0)
  }
}

function toggle(label: string, text: string, changed: () => void): HTMLButtonElement {
  const b = h('button', { class: 'toggle', title: label, 'aria-label': `${text} (${label})`, 'aria-pressed': 'false' }, text)
  b.addEventListener('click', () => {
    b.setAttribute('aria-pressed', String(!pressed(b)))
    changed()
  })
  return b
}

const pressed = (b: HTMLElement) => b.getAttribute('aria-pressed') === 'true'

function downloads(src: string, job: string): HTMLElement {
  const item = (format: 'text' | 'ndjson', text: string) => {
    const href = downloadURL(src, format), foreign = new URL(href).origin !== location.origin // which browsers show
    return h('a', { href, download: fileName(job, format), target: foreign && '_blank', rel: foreign && 'noopener', onclick: () => { menu.open = false } }, text)
  }
  const menu = h('details', { class: 'menu' },
    h('summary', { class: 'icon', title: 'Download', 'aria-label': 'Download' }, icon(icons.download)),
    h('div', {}, item('text', 'Text'), item('ndjson', 'NDJSON')))
  menu.addEventListener('focusout', (e) => { if (!menu.contains(e.relatedTarget as Node)) menu.open = false })
  menu.addEventListener('keydown', (e) => {
    if (e.key !== 'Escape' || !menu.open) return
    menu.open = false
    menu.querySelector('summary')!.focus()
    e.stopPropagation()
  })
  return menu
}
