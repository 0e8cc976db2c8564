// What is said over and above the lines.

import { h } from './dom.ts'
import { number } from './time.ts'
import type { Shell } from './shell.ts'
import type { State } from './stream.ts'

export class Overlay {
  private toasted = 0

  constructor(private readonly shell: Shell) {}

  toast(text: string): void {
    const { toast } = this.shell
    toast.textContent = text
    toast.hidden = false
    clearTimeout(this.toasted)
    this.toasted = setTimeout(() => { toast.hidden = true }, 2500)
  }

  loading(lines: number, again: () => void): void {
    const { note } = this.shell
    note.hidden = lines === 0
    if (lines >= 0) note.textContent = `reading what was before: ${number(lines)} lines`
    else note.replaceChildren('the lines before could not be read ', h('button', { class: 'again', onclick: again }, 'try again'))
  }

  gap(): void {
    const { banner } = this.shell
    const close = h('button', { class: 'plain', onclick: () => { banner.hidden = true } }, 'Dismiss')
    banner.replaceChildren('The server could not go on where this page was. The log is shown anew, from its beginning.', close)
    banner.hidden = false
  }

  /** Why there is no row. */
  empty(rows: number, filtered: boolean, state: State): void {
    const { empty } = this.shell, text = rows ? '' : reason(filtered, state)
    empty.hidden = text === ''
    if (empty.textContent !== text) empty.textContent = text
  }

  /** How many rows are new to a reader who is not at the end. */
  pill(hidden: boolean, news: number): void {
    const { pill } = this.shell
    pill.hidden = hidden
    const text = news > 0 ? `↓ ${number(news)} new ${news === 1 ? 'line' : 'lines'}` : '↓ to the end'
    if (pill.textContent !== text) pill.textContent = text
    pill.classList.toggle('news', news > 0)
  }
}

function reason(filtered: boolean, state: State): string {
  if (state.kind === 'refused') return state.reason || `The server refuses, with status ${state.status}.`
  if (state.kind === 'reconnecting' && state.reason) return state.reason
  if (state.kind === 'expired') return 'Access has expired. Open the page anew, with a fresh link or after logging in.'
  if (filtered) return 'No line is of this severity.'
  if (state.kind === 'complete') return 'The job ended without a line.'
  return state.kind === 'connecting' ? '' : 'No line yet.'
}
