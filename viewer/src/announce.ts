// What screen readers are told: where keys have brought the reader, and of a log
// that grows not each line, but now and then how many came, and the last one.

const PAUSE = 8000 // ms

export class Announcer {
  private timer = 0
  private lines = 0
  private last: () => string = () => ''

  constructor(private readonly element: HTMLElement) {}

  lineCame(count: number, last: () => string): void {
    this.lines += count
    this.last = last
    this.timer ||= setTimeout(() => this.tell(), PAUSE)
  }

  line(number: number, text: string): void { this.say((number ? `Line ${number}: ` : '') + text.slice(0, 200)) }

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
