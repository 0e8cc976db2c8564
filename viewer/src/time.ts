// Times as people read them.

const two = (n: number) => String(n).padStart(2, '0')
const three = (n: number) => String(n).padStart(3, '0')

/** The time of day, with milliseconds. */
export function clock(ms: number): string {
  if (Number.isNaN(ms)) return ''
  const d = new Date(ms)
  return `${two(d.getHours())}:${two(d.getMinutes())}:${two(d.getSeconds())}.${three(d.getMilliseconds())}`
}

export function full(ms: number): string {
  const d = new Date(ms)
  return Number.isNaN(d.getTime()) ? '' : d.toISOString()
}

/** The time since a beginning. */
export function since(ms: number): string {
  if (Number.isNaN(ms)) return ''
  const sign = ms < 0 ? '-' : '+'
  ms = Math.abs(Math.round(ms))
  const minutes = Math.floor(ms / 60_000)
  const rest = `${two(Math.floor(ms / 1000) % 60)}.${three(ms % 1000)}`
  return minutes < 60 ? `${sign}${two(minutes)}:${rest}` : `${sign}${Math.floor(minutes / 60)}:${two(minutes % 60)}:${rest.slice(0, 4)}`
}

/** How long something took. */
export function duration(ms: number): string {
  if (!(ms >= 0)) return ''
  if (ms < 1000) return Math.round(ms) + ' ms'
  const s = Math.floor(ms / 1000)
  if (s < 60) return (ms < 10_000 ? (Math.floor(ms / 100) / 10).toFixed(1) : s) + ' s'
  if (s < 3600) return `${Math.floor(s / 60)} min ${two(s % 60)} s`
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${two(Math.floor(s / 60) % 60)} min`
  return `${Math.floor(s / 86_400)} d ${Math.floor(s / 3600) % 24} h`
}

/** A whole number with commas. What browsers have for it takes 20 ms to load. */
export const number = (n: number) => String(n).replace(/\B(?=(\d{3})+$)/g, ',')

/** How long ago something was. */
export function ago(ms: number): string {
  if (Number.isNaN(ms)) return ''
  const s = Math.floor(ms / 1000)
  if (s < 2) return 'now'
  if (s < 60) return s + ' s ago'
  if (s < 3600) return Math.floor(s / 60) + ' min ago'
  if (s < 86_400) return Math.floor(s / 3600) + ' h ago'
  return Math.floor(s / 86_400) + ' d ago'
}
