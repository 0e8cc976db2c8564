// Where a reader is in content that may be higher than a browser lets an
// element be: 33 million dots in Chromium, of which a pixel has six on a good
// display at 300 %, and 17 million pixels in Firefox. Up to LIMIT the native
// offset is the offset. Beyond, a base is added to it: wheels and keys move by
// what they say, and a long way, as with the scroll bar, is taken as a
// proportion, but for EDGE at both ends, where all is as it would be.

const LIMIT = 5_000_000
const EDGE = 100_000

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
  private get far(): number { return this.height * 4 } // more than a wheel or a key moves at once
  get most(): number { return Math.max(0, this.total - this.height) }

  /** Sets the height of the content. */
  resize(total: number): void {
    if (total === this.total) return
    if (this.total <= LIMIT) this.last = this.port.scrollTop
    this.total = total
    this.canvas.style.height = Math.min(total, LIMIT) + 'px'
    if (total <= LIMIT) this.base = 0
  }

  /** The offset of what is at the top. */
  get top(): number {
    const native = this.port.scrollTop
    if (this.total <= LIMIT) return native
    if (Math.abs(native - this.last) > this.far) this.base = moved(native, this.room, this.most) - native
    this.last = native
    this.centre(native)
    return Math.max(0, Math.min(this.port.scrollTop + this.base, this.most))
  }

  // Near an end of the native range that is not one of the content's, the
  // native offset is moved to where it should be.
  private centre(native: number): void {
    const top = native + this.base
    const low = native < this.far && top > native + 1
    const high = native > this.room - this.far && top < this.most - (this.room - native) - 1
    const beyond = top < 0 || top > this.most
    if (low || high || beyond) this.go(Math.max(0, Math.min(top, this.most)))
  }

  go(top: number): void {
    top = Math.max(0, Math.min(top, this.most))
    this.port.scrollTop = this.total <= LIMIT ? top : moved(top, this.most, this.room)
    this.last = this.port.scrollTop
    this.base = this.total <= LIMIT ? 0 : top - this.last
  }

  /** Where an offset is in the canvas. */
  place(offset: number): number {
    return offset - this.base
  }
}

// Where an offset of so much is in so much else.
function moved(at: number, of: number, to: number): number {
  if (at <= EDGE) return at
  if (at >= of - EDGE) return to - (of - at)
  return EDGE + (at - EDGE) / (of - 2 * EDGE) * (to - 2 * EDGE)
}
