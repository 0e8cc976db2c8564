// Colours of terminals on our two backgrounds, always legible: a text's colour
// is moved until its contrast with what is behind it is WCAG's AA.

import { INVERSE, RGB, type Colour, type Style } from './sgr.ts'

export type Theme = 'light' | 'dark'

const palettes: Record<Theme, number[]> = {
  light: [
    0x24292f, 0xb3261e, 0x1a7032, 0x8a5a00, 0x1858c4, 0x8a3aa8, 0x0b6e78, 0x5a6068,
    0x5a6068, 0xc62f26, 0x1f7a3a, 0x946000, 0x2264d6, 0x9a48b8, 0x0d7680, 0x3a4048,
  ],
  dark: [
    0x868e99, 0xff7b72, 0x6fcf83, 0xe3b341, 0x79b8ff, 0xd2a8ff, 0x62d0d8, 0xd5d9df,
    0x9aa2ad, 0xffa198, 0x8ee29f, 0xf2cc60, 0xa5d0ff, 0xe2c5ff, 0x8be4ea, 0xffffff,
  ],
}
const backgrounds: Record<Theme, number> = { light: 0xfcfcfa, dark: 0x111418 }
const texts: Record<Theme, number> = { light: 0x24292f, dark: 0xd5d9df }

function rgb(colour: Colour, theme: Theme): number {
  if (colour >= RGB) return colour - RGB
  if (colour < 16) return palettes[theme][colour]!
  if (colour >= 232) return (8 + (colour - 232) * 10) * 0x10101
  const level = (n: number) => (n ? 55 + n * 40 : 0)
  const c = colour - 16
  return (level(Math.floor(c / 36)) << 16) + (level(Math.floor(c / 6) % 6) << 8) + level(c % 6)
}

const channels = (c: number) => [(c >> 16) & 255, (c >> 8) & 255, c & 255] as const

function luminance(c: number): number {
  const [r, g, b] = channels(c).map((v) => {
    v /= 255
    return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4
  }) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

export function contrast(a: number, b: number): number {
  const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

const AA = 4.6

export function legible(fg: number, bg: number): number {
  const to = contrast(0xffffff, bg) > contrast(0, bg) ? 255 : 0
  for (let step = 0; step < 10 && contrast(fg, bg) < AA; step++) {
    fg = channels(fg).reduce((sum, v) => sum * 256 + Math.round(v + (to - v) * 0.25), 0)
  }
  return contrast(fg, bg) < AA ? to * 0x10101 : fg
}

const known = new Map<string, { color: string; background: string }>()
const hex = (c: number) => '#' + c.toString(16).padStart(6, '0')

/** The CSS colours of a style; empty where they are the default. */
export function coloursOf(style: Style, theme: Theme): { color: string; background: string } {
  const inverse = style.flags & INVERSE
  if (style.fg < 0 && style.bg < 0 && !inverse) return { color: '', background: '' }
  const key = `${theme} ${style.fg} ${style.bg} ${inverse}`
  let found = known.get(key)
  if (!found) {
    if (known.size > 1000) known.clear()
    known.set(key, (found = mixed(style, theme)))
  }
  return found
}

function mixed(style: Style, theme: Theme): { color: string; background: string } {
  let fg = style.fg < 0 ? texts[theme] : rgb(style.fg, theme)
  let bg = style.bg < 0 ? backgrounds[theme] : rgb(style.bg, theme)
  if (style.flags & INVERSE) [fg, bg] = [bg, fg]
  const plain = style.bg < 0 && !(style.flags & INVERSE)
  return { color: hex(legible(fg, bg)), background: plain ? '' : hex(bg) }
}
