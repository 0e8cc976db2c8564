// Builds dist from src. The same sources give the same bytes: esbuild is
// pinned, and nothing of this machine gets in.
import { build } from 'esbuild'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))

const bundle = (entry) => build({
  absWorkingDir: here,
  entryPoints: ['src/' + entry],
  outdir: 'dist',
  write: false,
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome111', 'firefox121', 'safari16.4'],
  legalComments: 'none',
  charset: 'utf8',
  // A style sheet that a module imports is its text; one of its own is a file.
  loader: entry.endsWith('.css') ? {} : { '.css': 'text' },
})

/** The files of dist: names, and bytes. */
export async function files() {
  const all = new Map()
  for (const entry of ['job-log.ts', 'page.ts', 'page.css', 'index.ts', 'index.css']) {
    for (const { path, contents } of (await bundle(entry)).outputFiles) all.set(basename(path), Buffer.from(contents))
  }
  for (const name of ['page.html', 'index.html', 'icon.svg']) all.set(name, await readFile(here + 'src/' + name))
  return all
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await mkdir(here + 'dist', { recursive: true })
  for (const [name, bytes] of await files()) await writeFile(here + 'dist/' + name, bytes)
}
