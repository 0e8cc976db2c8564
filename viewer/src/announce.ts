// What screen readers are told: where keys have brought the reader, and of a log
// that grows not each line, but now and then how many came, and the last one.

import { plain } from './sgr.ts'
import type { State } from './stream.ts'

const PAUSE = 8000 // ms

export class Announcer {
  private timer = 0
  private lines = 0
  private last = ''
  private said = 'live' // of the connection

  constructor(private readonly element: HTMLElement) {}

  stop(): void { clearTimeout(this.timer) }

  lineCame(count: number, last: string): void {
    this.lines += count
    this.last = brief(last)
    this.timer ||= setTimeout(() => this.tell(), PAUSE)
  }

  /** The line to which a key has led; its number, or 0 while that is not known. */
  line(number: number, text: string): void { this.say((number ? `Line ${number}: ` : '') + brief(text)) }

  /** Tells of the connection, if it is otherwise than what was said of it last. */
  connection(kind: State['kind'], job: string): void {
    if (kind === 'connecting' || kind === this.said) return
    this.said = kind
    this.say(kind === 'complete' ? `The job has ended: ${job || 'no more lines'}` : `The connection: ${kind}`)
  }

  private say(text: string): void {
    const entry = document.createElement('p')
    entry.textContent = text
    this.element.replaceChildren(entry)
  }

  private tell(): void {
    this.timer = 0
    this.say(`${this.lines === 1 ? '1 new line' : `${this.lines} new lines`}. The last: ${this.last}`)
    this.lines = 0
  }
}

const brief = (text: string) => plain(text.slice(0, 1000)).slice(0, 200)
