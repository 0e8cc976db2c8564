// The elements that are always there.

import { h } from './dom.ts'
import { ROW } from './view.ts'

export function shell() {
  const slab = h('div', { class: 'slab', role: 'presentation' })
  const canvas = h('div', { class: 'canvas', role: 'presentation' }, slab)
  // A table, which has the focus only so that keys scroll it: a grid's would go from cell to cell.
  const port = h('div', { class: 'port', role: 'table', tabindex: '0', 'aria-label': 'Lines of the log' }, canvas)
  const empty = h('div', { class: 'empty', hidden: true })
  const note = h('div', { class: 'note', hidden: true })
  const pill = h('button', { class: 'pill', hidden: true })
  const banner = h('div', { class: 'banner', role: 'alert', hidden: true })
  const toast = h('div', { class: 'toast', role: 'status', hidden: true })
  const spoken = h('div', { class: 'spoken', role: 'log', 'aria-live': 'polite', 'aria-label': 'News of the log' })
  const stage = h('div', { class: 'stage' }, port, empty, note, pill, toast)
  const app = h('div', { class: 'app' }, banner, stage, spoken)
  app.style.setProperty('--row', ROW + 'px')
  return { app, banner, stage, port, canvas, slab, empty, note, pill, toast, spoken }
}

export type Shell = ReturnType<typeof shell>
