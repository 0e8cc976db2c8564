// Colours and styles of terminals: SGR sequences in a text, as spans. Nothing
// here makes HTML; a span's text becomes a text node.

/** A colour: one of 256 by its index, or 0x1000000 + RGB. */
export type Colour = number
export const RGB = 0x1000000
export const BOLD = 1, DIM = 2, ITALIC = 4, UNDERLINE = 8, INVERSE = 16, STRIKE = 32

export interface Style { fg: Colour; bg: Colour; flags: number } // -1: the default colour
export interface Span { text: string; style: Style }

const sequence = /\x1b\[([0-9;:]*)m/g
export const none: Style = { fg: -1, bg: -1, flags: 0 }

export function plain(text: string): string {
  return text.includes('\x1b') ? text.replace(sequence, '') : text
}

export function spans(text: string): Span[] {
  if (!text.includes('\x1b')) return [{ text, style: none }]
  const out: Span[] = []
  let style = none, from = 0
  for (const m of text.matchAll(sequence)) {
    if (m.index > from) out.push({ text: text.slice(from, m.index), style })
    style = apply(style, m[1]!)
    from = m.index + m[0].length
  }
  if (from < text.length || !out.length) out.push({ text: text.slice(from), style })
  return out
}

/** The sequence with which the next line goes on in this one's style. */
export function carry(text: string): string {
  if (!text.includes('\x1b')) return ''
  let style = none
  for (const m of text.matchAll(sequence)) style = apply(style, m[1]!)
  return style === none ? '' : encode(style)
}

function encode({ fg, bg, flags }: Style): string {
  const codes: (string | number)[] = []
  for (const [bit, code] of [[BOLD, 1], [DIM, 2], [ITALIC, 3], [UNDERLINE, 4], [INVERSE, 7], [STRIKE, 9]] as const) {
    if (flags & bit) codes.push(code)
  }
  for (const [colour, base] of [[fg, 38], [bg, 48]] as const) {
    if (colour >= RGB) codes.push(base, 2, (colour >> 16) & 255, (colour >> 8) & 255, colour & 255)
    else if (colour >= 0) codes.push(base, 5, colour)
  }
  return codes.length ? `\x1b[${codes.join(';')}m` : ''
}

const on: Record<number, number> = { 1: BOLD, 2: DIM, 3: ITALIC, 4: UNDERLINE, 7: INVERSE, 9: STRIKE, 21: UNDERLINE }
const off: Record<number, number> = { 22: BOLD | DIM, 23: ITALIC, 24: UNDERLINE, 27: INVERSE, 29: STRIKE }

function apply(from: Style, params: string): Style {
  const codes = params.replace(/(?<=[34]8:2):\d*(?=:\d+:\d+:\d+)/g, '').split(/[;:]/).map(Number)
  let { fg, bg, flags } = from
  for (let i = 0; i < codes.length; i++) {
    const c = codes[i]!
    if (c === 0) fg = bg = -1, flags = 0
    else if (on[c]) flags |= on[c]
    else if (off[c]) flags &= ~off[c]
    else if (c >= 30 && c <= 37) fg = c - 30
    else if (c >= 90 && c <= 97) fg = c - 82
    else if (c >= 40 && c <= 47) bg = c - 40
    else if (c >= 100 && c <= 107) bg = c - 92
    else if (c === 39) fg = -1
    else if (c === 49) bg = -1
    else if (c === 38 || c === 48) {
      const [colour, length] = extended(codes, i + 1)
      if (c === 38) fg = colour
      else bg = colour
      i += length
    }
  }
  return fg < 0 && bg < 0 && !flags ? none : { fg, bg, flags }
}

function extended(codes: number[], at: number): [colour: Colour, length: number] {
  const byte = (i: number) => Math.min(codes[at + i] ?? 0, 255)
  if (codes[at] === 5) return [byte(1), 2]
  if (codes[at] === 2) return [RGB + (byte(1) << 16) + (byte(2) << 8) + byte(3), 4]
  return [-1, codes.length]
}
