// How many characters a row has room for.

import { h } from './dom.ts'

// What is beside text and numbers in a row, in px; also in style.css.
const PADDING = 12 + 16 + 20

/** beside is how many characters numbers and times take. */
export function columns(stage: HTMLElement, width: number, beside: number): number {
  const probe = h('span', { class: 'probe' }, 'x'.repeat(100))
  stage.append(probe)
  const cell = probe.getBoundingClientRect().width / 100 || 8
  probe.remove()
  return Math.max(10, Math.floor((width - PADDING) / cell - beside))
}
