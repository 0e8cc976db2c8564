// Where a reader is in content that may be higher than a browser lets an
// element be (17 million pixels in Firefox). Up to LIMIT the native offset is
// the offset. Beyond, a base is added to it: wheels and keys move by what they
// say, and a long way, as with the scroll bar, is taken as a proportion.

const LIMIT = 12_000_000

export class Scroll {
  private total = 0
  private base = 0
  private last = 0

  constructor(
    private readonly port: HTMLElement,
    private readonly canvas: HTMLElement,
  ) {}

  get height(): number { return this.port.clientHeight }
  private get room(): number { return Math.max(0, Math.min(this.total, LIMIT) - this.height) }
  get most(): number { return Math.max(0, this.total - this.height) }

  /** Sets the height of the content. */
  resize(total: number): void {
    if (total === this.total) return
    this.total = total
    this.canvas.style.height = Math.min(total, LIMIT) + 'px'
    if (total <= LIMIT) this.base = 0
  }

  /** The offset of what is at the top. */
  get top(): number {
    const native = this.port.scrollTop
    if (this.total <= LIMIT) return native
    if (Math.abs(native - this.last) > this.height * 4) this.base = (native / this.room) * this.most - native
    this.last = native
    this.centre(native)
    return Math.max(0, Math.min(this.port.scrollTop + this.base, this.most))
  }

  // Near an end of the native range that is not one of the content's, the
  // native offset is moved to where it should be.
  private centre(native: number): void {
    const top = native + this.base
    const low = native < this.height && top > native + 1
    const high = native > this.room - this.height && top < this.most - (this.room - native) - 1
    const beyond = top < 0 || top > this.most
    if (low || high || beyond) this.go(Math.max(0, Math.min(top, this.most)))
  }

  go(top: number): void {
    top = Math.max(0, Math.min(top, this.most))
    const native = this.total <= LIMIT ? top : this.most ? (top / this.most) * this.room : 0
    this.port.scrollTop = native
    this.last = this.port.scrollTop
    this.base = this.total <= LIMIT ? 0 : top - this.last
  }

  /** Where an offset is in the canvas. */
  place(offset: number): number {
    return offset - this.base
  }
}
