// What a trace of Chromium says of the thread that runs a page: its tasks, in
// ms, and for which share of the time it had one.
export function tasksOf({ traceEvents: all }) {
  const threads = new Map() // of renderers, and when their tasks began and ended
  for (const e of all) if (e.name === 'thread_name' && e.args.name === 'CrRendererMain') threads.set(e.pid + ' ' + e.tid, [])
  for (const e of all) if (e.ph === 'X' && e.name.endsWith('RunTask')) threads.get(e.pid + ' ' + e.tid)?.push(e)
  // The busiest is the page; others are kept by the browser for pages to come.
  const busy = (tasks) => tasks.reduce((sum, t) => sum + t.dur, 0)
  const tasks = [...threads.values()].sort((a, b) => busy(b) - busy(a))[0].sort((a, b) => a.ts - b.ts)
  const took = tasks.map((t) => t.dur / 1000).sort((a, b) => a - b)
  return {
    count: took.length, p99: took[Math.floor(took.length * 0.99)], longest: took.at(-1),
    busy: busy(tasks) / (tasks.at(-1).ts + tasks.at(-1).dur - tasks[0].ts),
  }
}
