// A message as the lines that a terminal would show of it.

import { carry } from './sgr.ts'

export type Mark = { kind: 'start' | 'end'; name: string; time: number }
export interface Line { text: string; marks: Mark[] }

// Control sequences that are not of colour: other CSI, OSC with its end, and
// single escapes. What is left of ESC are SGR sequences.
const other = /\x1b\[[0-?]*[ -/]*[@-ln-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[PX^_][^\x1b]*(?:\x1b\\)?|\x1b[ -/]*[0-Z\\-~]/g
const section = /^(?:\x1b\[[0-9;]*[Km])*section_(start|end):(\d+):([\w.-]+)(?:\[[^\]\r]*\])?(?:\r|$)/
const workflow = /^::(group|endgroup)::(.*)$/

/** The common message: one line of text as it is. */
export function isPlain(message: string): boolean {
  for (let i = 0; i < message.length; i++) {
    const c = message.charCodeAt(i)
    if (c === 10 || c === 13 || c === 27) return false
  }
  return !message.startsWith('::') && !message.startsWith('section_')
}

export function linesOf(message: string): Line[] {
  if (message.endsWith('\n')) message = message.slice(0, -1)
  let colours = ''
  return message.split('\n').map((raw) => {
    const line = lineOf(raw)
    line.text = colours + line.text
    colours = carry(line.text)
    return line
  })
}

function lineOf(raw: string): Line {
  const marks: Mark[] = []
  for (let m; (m = section.exec(raw)); raw = raw.slice(m[0].length)) {
    marks.push({ kind: m[1] as Mark['kind'], name: m[3]!, time: Number(m[2]) * 1000 })
  }
  let text = overwritten(raw).replace(other, '')
  const w = workflow.exec(text)
  if (w) {
    marks.push({ kind: w[1] === 'group' ? 'start' : 'end', name: '', time: NaN })
    text = w[2]!
  }
  const last = marks.at(-1)
  if (last?.kind === 'start' && text === '') text = last.name || 'group'
  return { text, marks }
}

// What is left on a line of which parts were written over, as progress bars do.
function overwritten(raw: string): string {
  if (!raw.includes('\r')) return raw
  const parts = raw.split('\r').filter((p) => p !== '')
  return parts.at(-1) ?? ''
}
