// The modules of src, as the build makes them.
import { build } from 'esbuild'
import { fileURLToPath } from 'node:url'

const names = ['colours', 'download', 'event', 'feed', 'filter', 'finder', 'groups', 'heights', 'job', 'keys', 'lines', 'links', 'log', 'match', 'parting', 'patterns', 'permalink', 'poll', 'recent', 'rows', 'scroll', 'search', 'sgr', 'shown', 'sse', 'status', 'stream', 'table', 'time', 'toolbar', 'view']

const { outputFiles } = await build({
  stdin: { contents: names.map((n) => `export * as ${n} from './${n}.ts'`).join('\n'), resolveDir: fileURLToPath(new URL('../src', import.meta.url)) },
  bundle: true, write: false, format: 'esm', target: 'node20', logLevel: 'error',
})

export const src = await import('data:text/javascript;base64,' + Buffer.from(outputFiles[0].contents).toString('base64'))

/** An event, all of it but what is said. */
export const event = (id, message = `line ${id}`, more = {}) =>
  ({ id: BigInt(id), message, rank: 2, time: id * 1000, truncated: false, ...more })

export const lines = (log) => Array.from({ length: log.count }, (_, i) => log.text(i))
