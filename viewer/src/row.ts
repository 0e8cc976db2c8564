// One line as a row of elements. Text of the log becomes text nodes, and
// nothing else.

import { BOLD, DIM, ITALIC, STRIKE, UNDERLINE, plain, spans, type Span } from './sgr.ts'
import { coloursOf, type Theme } from './colours.ts'
import { links, type Range } from './links.ts'
import { ranks } from './event.ts'
import { h, write } from './dom.ts'
import { number as count } from './time.ts'

export const LONG = 10_000 // characters that are drawn of a line, unless more is asked for

export interface Look {
  line: number
  number: number // 0 while it is not known
  text: string
  rank: number
  time: string
  title: string
  truncated: boolean
  gap: 'before' | 'after' | null // where lines are gone that were shown
  whole: boolean // draw all of a long text
  matches: (text: string) => Range[]
  theme: Theme
  chosen: boolean
  current: boolean
  found: number // which match in it is looked at; -1 for none
  group: { open: boolean; lines: number; took: string; failed: boolean } | null
  depth: number
}

export interface Row {
  line: number
  drawn: string // what is in the message
  element: HTMLElement
  number: HTMLAnchorElement
  time: HTMLElement
  message: HTMLElement
}

export function makeRow(): Row {
  const number = h('a', { tabindex: '-1' })
  const time = h('div', { class: 't', role: 'cell' })
  const message = h('div', { class: 'm', role: 'cell' })
  const element = h('div', { class: 'row', role: 'row' }, h('div', { class: 'n', role: 'rowheader' }, number), time, message)
  return { line: -1, drawn: '', element, number, time, message }
}

export function draw(row: Row, look: Look): void {
  const { element, number, time, message } = row
  element.className = 'row ' + ranks[look.rank] + (look.chosen ? ' chosen' : '') + (look.current ? ' current' : '') +
    (look.found >= 0 ? ' found' : '') + (look.group ? ' group' : '') + (look.group?.failed ? ' failed' : '') +
    (look.gap ? ' gap-' + look.gap : '')
  element.dataset.line = String(look.line)
  element.id = 'line-' + look.line
  element.setAttribute('aria-current', String(look.current))
  element.setAttribute('aria-rowindex', String(look.number || look.line + 1))
  const shown = look.number ? String(look.number) : ''
  number.dataset.n = shown || '·'
  number.href = shown ? '#L' + shown : '#'
  number.setAttribute('aria-label', shown ? 'Line ' + shown : 'A line whose number is not known yet')
  write(time, look.time)
  time.title = look.title
  message.style.setProperty('--depth', String(look.depth))
  fill(row, look)
  // Tab leads to what is in the line that keys are for, and passes over the others.
  for (const stop of element.querySelectorAll<HTMLElement>('[tabindex]')) stop.tabIndex = look.current ? 0 : -1
}

// What is as it was is left alone, so that selections and focus live on.
function fill(row: Row, look: Look): void {
  const text = look.whole ? look.text : look.text.slice(0, LONG), bare = plain(text), hits = look.matches(bare), { group } = look
  const drawn = [look.gap, look.truncated, look.theme, look.text.length, group?.open, group?.lines, group?.took, hits, look.found, text].join()
  if (row.drawn === drawn) return
  row.drawn = drawn
  row.message.replaceChildren(...gap(look), ...content(look, text, bare, hits))
}

// It comes first, so that it is seen beside a long line, too.
function gap({ gap }: Look): Node[] {
  if (!gap) return []
  return [h('span', { class: 'chip gap' }, gap === 'before' ? 'lines that were shown here are gone' : 'lines that were shown after this one are gone')]
}

function content(look: Look, text: string, bare: string, hits: Range[]): Node[] {
  const body = document.createDocumentFragment(), all = look.text.length
  pieces(body, spans(text), bare, links(bare), hits, look)
  if (text.length < all) body.append(h('button', { class: 'chip more', tabindex: '-1' }, `show all ${count(all)} characters`))
  if (look.truncated) body.append(h('span', { class: 'chip' }, 'truncated: the rest was too long to be read'))
  const { group } = look
  if (!group) return [body]
  // The title is beside the button, since it may have links and buttons of its own.
  const button = h('button', { class: 'fold', 'aria-expanded': String(group.open), 'aria-label': bare.slice(0, 200), tabindex: '-1' })
  const title = h('span', { class: 'title' }, body)
  if (group.lines === Infinity) return [button, title] // it goes on
  const lines = group.lines === 1 ? '1 line' : `${count(group.lines)} lines`
  return [button, title, h('span', { class: 'about' }, [lines, group.took].filter(Boolean).join(', '))]
}

// Spans, links and matches overlap as they like; between any two of their ends
// is a piece.
function pieces(to: ParentNode, list: Span[], text: string, urls: Range[], hits: Range[], { theme, found }: Look): void {
  if (list.length === 1 && !urls.length && !hits.length) {
    to.append(styled(list[0]!, visible(text), theme))
    return
  }
  let link: HTMLElement | null = null, u = 0, m = 0, at = 0
  for (const span of list) {
    for (const end = at + span.text.length; at < end;) {
      while (urls[u] && urls[u]![1] <= at) u++, link = null
      while (hits[m] && hits[m]![1] <= at) m++
      const inLink = urls[u] && urls[u]![0] <= at, inHit = hits[m] && hits[m]![0] <= at
      const next = Math.min(end, edge(urls[u], at), edge(hits[m], at))
      if (inLink && !link) to.append((link = anchor(text.slice(...urls[u]!))))
      let node = styled(span, visible(text.slice(at, next)), theme)
      if (inHit) node = h('mark', { class: m === found && 'now' }, node)
      ;(inLink ? link! : to).append(node)
      at = next
    }
  }
}

function edge(range: Range | undefined, at: number): number {
  return range ? (range[0] > at ? range[0] : range[1]) : Infinity
}

function anchor(url: string): HTMLElement {
  return h('a', { class: 'link', href: url, target: '_blank', rel: 'noopener noreferrer', tabindex: '-1' })
}

function styled(span: Span, text: string, theme: Theme): Node {
  const { style } = span
  const node = document.createTextNode(text)
  if (style.fg < 0 && style.bg < 0 && !style.flags) return node
  const element = h('span', {}, node)
  const { color, background } = coloursOf(style, theme)
  Object.assign(element.style, { color, background })
  if (style.flags & BOLD) element.style.fontWeight = '600'
  if (style.flags & DIM && !color) element.style.color = 'var(--faint)'
  if (style.flags & ITALIC) element.style.fontStyle = 'italic'
  const line = [style.flags & UNDERLINE && 'underline', style.flags & STRIKE && 'line-through'].filter(Boolean).join(' ')
  if (line) element.style.textDecoration = line
  return element
}

// Control characters, which would be invisible or move things, as pictures of
// the same length.
function visible(text: string): string {
  return text.replace(/[\0-\x08\x0a-\x1f\x7f\x85\u2028\u2029]/g, (c) => {
    const code = c.charCodeAt(0)
    return code < 0x20 ? String.fromCharCode(0x2400 + code) : code === 0x7f ? '\u2421' : '\u2424'
  })
}
