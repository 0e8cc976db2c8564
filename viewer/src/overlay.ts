// What is said over and above the lines.

import { h, write } from './dom.ts'
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
    if (lines >= 0) note.textContent = `reading the whole log: ${number(lines)} lines`
    else note.replaceChildren('the lines before could not be read ', h('button', { class: 'again', onclick: again }, 'try again'))
  }

  /** The log was read anew, and may lack lines that were shown; show brings the place, if there is one. */
  gap(lacking: boolean, show: (() => void) | null): void {
    const { banner } = this.shell
    const plain = (text: string, click: () => void) => h('button', { class: 'plain', onclick: click }, text)
    banner.replaceChildren('The server could not go on where this page was, and the log was read anew. ' +
      (lacking ? 'Lines that were shown are gone.' : 'All lines that were shown are there.'),
      ...(show ? [plain('Show where', show)] : []), plain('Dismiss', () => { banner.hidden = true }))
    banner.hidden = false
  }

  /** Why there is no row. */
  empty(rows: number, filtered: boolean, state: State): void {
    const { empty } = this.shell, text = rows ? '' : reason(filtered, state)
    empty.hidden = text === ''
    write(empty, text)
  }

  /** How many rows are new to a reader who is not at the end. */
  pill(hidden: boolean, news: number): void {
    const { pill } = this.shell
    pill.hidden = hidden
    write(pill, news > 0 ? `↓ ${number(news)} new ${news === 1 ? 'line' : 'lines'}` : '↓ to the end')
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
