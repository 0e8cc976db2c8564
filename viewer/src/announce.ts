// What screen readers are told of a log that grows: not each line, but now and
// then how many came, and the last one.

import type { State } from './stream.ts'

const PAUSE = 8000 // ms

export class Announcer {
  private timer = 0
  private lines = 0
  private told: State['kind'] = 'live' // which goes without saying at first
  private last: () => string = () => ''

  constructor(private readonly element: HTMLElement) {}

  lineCame(count: number, last: () => string): void {
    this.lines += count
    this.last = last
    this.timer ||= setTimeout(() => this.tell(), PAUSE)
  }

  /** How the connection is, where that has changed: that it is tried again and again is not said. */
  connection(kind: State['kind'], job: string): void {
    if (kind === 'connecting' || kind === this.told) return
    this.told = kind
    this.say(kind === 'complete' ? `The job has ended: ${job || 'no more lines'}` : `The connection: ${kind}`)
  }

  say(text: string): void {
    const entry = document.createElement('p')
    entry.textContent = text
    this.element.replaceChildren(entry)
  }

  private tell(): void {
    this.timer = 0
    this.say(`${this.lines === 1 ? '1 new line' : `${this.lines} new lines`}. The last: ${this.last().slice(0, 200)}`)
    this.lines = 0
  }
}
