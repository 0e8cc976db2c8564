// The page of the recent jobs.

import { write } from './dom.ts'
import { Poll } from './poll.ts'
import { inPlace } from './recent.ts'
import { Table } from './table.ts'
import { number } from './time.ts'

const find = <E extends HTMLElement>(selector: string) => document.querySelector<E>(selector)!
const list = find('table'), input = find<HTMLInputElement>('input'), count = find('output')
const trouble = find('.trouble > :first-child'), countdown = find('.trouble > :last-child'), empty = find('.empty')
const table = new Table(find<HTMLTableSectionElement>('tbody'))

let skew = 0 // what the server's clock is ahead
let loaded = false
let reason = '', until = 0

/** Whether somebody is about to click on a row, which is not to move then. */
const busy = () => list.matches(':focus-within') || matchMedia('(hover: hover)').matches && list.matches(':hover')

function show(): void {
  const all = table.ids.length, shown = table.show(input.value.trim(), Date.now() + skew)
  list.hidden = shown === 0
  empty.hidden = shown > 0 || !loaded && reason !== ''
  if (loaded) write(empty, all ? 'No job matches.' : 'No job has written a line yet.')
  write(count, all ? (shown < all ? `${number(shown)} of ${number(all)}` : number(all)) : '')
  const seconds = Math.max(0, Math.ceil((until - Date.now()) / 1000))
  write(trouble, reason) // it alone is read aloud
  write(countdown, `; trying again in ${seconds} s`)
}

input.addEventListener('input', show)
addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return
  if (e.key === '/' && e.target !== input) {
    e.preventDefault()
    input.select()
  } else if (e.key === 'Escape') {
    input.value = ''
    show()
  }
})
setInterval(() => { if (!document.hidden) show() }, 1000)

new Poll('_viewer/recent.json', {
  jobs(jobs, now) {
    skew = now - Date.now()
    loaded = true
    reason = ''
    table.jobs = busy() ? inPlace(jobs, table.ids) : jobs
    show()
  },
  trouble(why, then) {
    reason = why
    until = then
    show()
  },
})
