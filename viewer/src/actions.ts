// What can be done with the line under the mouse, or that was tapped.

import { button, h } from './dom.ts'

export interface LineCommands {
  copyLine(line: number): void
  copyLink(line: number): void
  context(line: number): void
}

export class Actions {
  private readonly context: HTMLButtonElement
  private readonly link: HTMLButtonElement
  private readonly element: HTMLElement

  constructor(port: HTMLElement, private readonly slab: HTMLElement, commands: LineCommands) {
    const act = (label: string, path: string, click: (line: number) => void) => {
      const b = button(label, path, () => click(this.line))
      b.tabIndex = -1
      return b
    }
    this.context = act('View in context (x)', 'M2 4h12M2 8h12M2 12h12M5 6.2v3.6', commands.context)
    this.link = act('Copy a link to the line (y)', 'M7 9.5a2.5 2.5 0 0 0 3.5 0l2.5-2.5a2.5 2.5 0 0 0-3.5-3.5L8.3 4.7M9 6.5a2.5 2.5 0 0 0-3.5 0L3 9a2.5 2.5 0 0 0 3.5 3.5l1.2-1.2', commands.copyLink)
    this.element = h('div', { class: 'actions', role: 'cell' }, this.context, this.link,
      act('Copy the line (c)', 'M5.5 5.5v-3h8v8h-3m0-5h-8v8h8v-8Z', commands.copyLine))
    // Fingers come down to scroll, too, and leave at once: a tap is a click.
    slab.addEventListener('pointerover', (e) => { if (e.pointerType === 'mouse') this.show(e) })
    slab.addEventListener('pointerleave', (e) => { if (e.pointerType === 'mouse') this.hide() })
    slab.addEventListener('click', (e) => this.show(e))
    port.addEventListener('scroll', this.hide, { passive: true }) // rows become those of other lines
  }

  private get line(): number { return Number(this.element.closest<HTMLElement>('.row')?.dataset.line) }

  configure(filtered: boolean, numbered: boolean): void {
    this.context.hidden = !filtered
    this.link.hidden = !numbered
    // They are over the end of the line, which is not to get wider.
    this.slab.style.setProperty('--actions', String([...this.element.children].filter((b) => !(b as HTMLElement).hidden).length))
  }

  private show(e: Event): void {
    const row = (e.target as Element).closest('.row')
    if (!row || this.element.parentNode === row) return
    row.append(this.element)
    document.addEventListener('pointerdown', this.outside, true)
  }

  hide = (): void => {
    this.element.remove()
    document.removeEventListener('pointerdown', this.outside, true)
  }

  private outside = (e: Event): void => { if (!e.composedPath().includes(this.slab)) this.hide() }
}
