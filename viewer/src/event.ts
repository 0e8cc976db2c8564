// What a row of the wire is.

export interface Event {
  id: bigint
  message: string
  rank: number
  time: number // milliseconds since 1970; NaN if the row has none
  truncated: boolean
}

export const ranks = ['trace', 'debug', 'info', 'notice', 'warn', 'error', 'critical'] as const
export const INFO = 2, NOTICE = 3, WARN = 4, ERROR = 5

// The same names as the server's.
const names = new Map(Object.entries({
  trace: 0, verbose: 0, debug: 1, info: 2, information: 2, log: 2, notice: 3, success: 3, warn: 4, warning: 4,
  err: 5, error: 5, crit: 6, critical: 6, fatal: 6, alert: 6, emerg: 6, emergency: 6, panic: 6,
}))

export function rankOf(severity: unknown): number {
  return typeof severity === 'string' ? (names.get(severity) ?? names.get(severity.toLowerCase()) ?? INFO) : INFO
}

// Times are seconds or milliseconds, passed on as the table has them.
export function millis(time: unknown): number {
  if (typeof time !== 'number' || time <= 0) return NaN
  return time < 1e11 ? time * 1000 : time
}

// Ids are 64-bit integers, of which a JavaScript number would make others.
const exact = /"event_id":(-?\d+)/

function idOf(log: Record<string, unknown>, json: string): bigint {
  const id = Number(log.event_id) || 0
  return BigInt(Number.isSafeInteger(id) ? id : exact.exec(json)![1]!)
}

export function eventOf(log: Record<string, unknown>, json: string): Event {
  return {
    id: idOf(log, json),
    message: String(log.event_message ?? ''),
    rank: rankOf(log.severity),
    time: millis(log.event_time),
    truncated: log.truncated === true,
  }
}
