// Whether what scrolls was moved by the browser: where it gets higher, less is
// to be scrolled, and its offset becomes less, though nobody touched it. It may
// be as high as before when that is told. So something as high scrolls beside
// it, which nobody can touch, always to its end: its offset is then less, too.

import { h } from './dom.ts'

export class Witness {
  private readonly element = h('div', { class: 'witness', 'aria-hidden': 'true' }, h('div'))
  private last = 0

  constructor(port: HTMLElement) { port.append(this.element) }

  /** The offset is seen as it is now. */
  see(): void {
    this.element.scrollTop = 1e6
    this.last = this.element.scrollTop
  }

  /** True if what scrolls was higher since than it was when it was seen. */
  get moved(): boolean { return this.element.scrollTop < this.last }
}
