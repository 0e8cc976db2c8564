// The parser of Server-Sent Events: bytes in, fields out. It follows the
// standard: UTF-8 in pieces, lines that end with LF, CR or both.

export interface Listener {
  event(name: string, data: string): void
  id(id: string): void
  retry(ms: number): void
  comment(text: string): void
}

export class Parser {
  private readonly decoder = new TextDecoder()
  private rest = ''
  private afterCR = false
  private name = ''
  private data: string | null = null

  constructor(private readonly to: Listener) {}

  push(bytes: Uint8Array): void {
    let text = this.decoder.decode(bytes, { stream: true })
    if (text === '') return
    if (this.afterCR && text[0] === '\n') text = text.slice(1)
    this.afterCR = text.endsWith('\r')
    if (text.includes('\r')) text = text.replace(/\r\n?/g, '\n')
    this.lines(this.rest + text)
  }

  private lines(text: string): void {
    let from = 0
    for (let to; (to = text.indexOf('\n', from)) >= 0; from = to + 1) this.line(text.slice(from, to))
    this.rest = text.slice(from)
  }

  private line(line: string): void {
    if (line === '') return this.dispatch()
    const colon = line.indexOf(':')
    if (colon === 0) return this.to.comment(line.slice(1).trim())
    const field = colon < 0 ? line : line.slice(0, colon)
    let value = colon < 0 ? '' : line.slice(colon + 1)
    if (value[0] === ' ') value = value.slice(1)
    this.field(field, value)
  }

  private field(field: string, value: string): void {
    switch (field) {
      case 'data':
        this.data = this.data === null ? value : this.data + '\n' + value
        break
      case 'event':
        this.name = value
        break
      case 'id':
        if (!value.includes('\0')) this.pending = value
        break
      case 'retry':
        if (/^\d+$/.test(value)) this.to.retry(Number(value))
    }
  }

  private pending: string | null = null

  // The id counts only when its whole event is there: a connection that is cut
  // in between must not make the client pass over it.
  private dispatch(): void {
    const { name, data } = this
    if (this.pending !== null) this.to.id(this.pending)
    this.name = ''
    this.data = this.pending = null
    if (data !== null) this.to.event(name || 'message', data)
  }
}
