// Builds dist from src. The same sources give the same bytes: esbuild is
// pinned, and nothing of this machine gets in.
import { build } from 'esbuild'
import { copyFile, mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
await mkdir(here + 'dist', { recursive: true })
await build({
  absWorkingDir: here,
  entryPoints: { 'job-log': 'src/job-log.ts', page: 'src/page.ts' },
  outdir: 'dist',
  bundle: true,
  minify: true,
  format: 'esm',
  target: ['chrome111', 'firefox113', 'safari16.4'],
  legalComments: 'none',
  charset: 'utf8',
  loader: { '.css': 'text' },
})
await build({
  absWorkingDir: here, entryPoints: ['src/page.css'], outdir: 'dist', minify: true,
  target: ['chrome111', 'firefox113', 'safari16.4'],
})
for (const name of ['page.html', 'icon.svg']) await copyFile(here + 'src/' + name, here + 'dist/' + name)
