// Builds what the console's pages load into one folder of static files: hashed names, compressed beforehand,
// and manifest.json, which says what each is called now. Called by requirements/assets.
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { constants, brotliCompressSync, gzipSync } from 'node:zlib'
import { build } from 'esbuild'

const OUT = '../src/certwright/console/static/certwright/built'
const ENTRIES = ['theme.js', 'console.js', 'charts.js', 'asking.js', 'console.css']
const MODULES = ['keys.js'] // loaded by other scripts, when they need them
const NEW = `${OUT}.new`

const UNUSED = new RegExp('\\.(navbar-expand-(sm|md|xl|xxl)|carousel|offcanvas|toast|popover|accordion|ribbon|markdown|otp|' +
  'signal|sparkline|sortable|io-|theme-|modal|switch-|form-(imagecheck|colorinput|selectgroup)|avatar-list|chat|litepicker)')

/** The rules of a style sheet but for those of Tabler's parts that no page has: a third of it. */
function withoutUnused (text) {
  let kept = ''
  for (let place = 0, open; (open = text.indexOf('{', place)) >= 0;) {
    let end = open + 1
    for (let depth = 1; depth > 0; end++) depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0
    const [head, body] = [text.slice(place, open), text.slice(open + 1, end - 1)]
    if (/@(media|supports|layer|container)/.test(head)) kept += `${head}{${withoutUnused(body)}}`
    else if (!head.split(',').every((selector) => UNUSED.test(selector)) && !head.includes('.navbar-fold')) {
      kept += `${head}{${body}}`
    }
    place = end
  }
  return kept
}

/** Pictures inside a style sheet become files: the pages' policy allows nothing inline. */
const picturesAsFiles = {
  name: 'pictures-as-files',
  setup (build) {
    build.onLoad({ filter: /\.css$/ }, ({ path }) => {
      const rules = readFileSync(path, 'utf8')
      const used = path.includes('@tabler') ? withoutUnused(rules) : rules
      const text = used.replace(/url\("data:image\/svg\+xml,([^"]+)"\)/g, (_, picture) => {
        const drawn = decodeURIComponent(picture)
        const name = `picture-${hash(drawn)}.svg`
        writeFileSync(join(NEW, name), drawn)
        return `url("./${name}")`
      })
      return { contents: text, loader: 'css' }
    })
  }
}

function hash (text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 8).toUpperCase()
}

function compress (path) {
  const octets = readFileSync(path)
  writeFileSync(`${path}.gz`, gzipSync(octets, { level: 9 }))
  writeFileSync(`${path}.br`, brotliCompressSync(octets, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }))
}

rmSync(NEW, { recursive: true, force: true })
mkdirSync(NEW, { recursive: true })
const common = {
  outdir: NEW,
  entryNames: '[name]-[hash]',
  bundle: true,
  minify: true,
  target: ['es2022', 'chrome111', 'firefox113', 'safari16.4'],
  legalComments: 'linked',
  external: ['./picture-*'],
  metafile: true,
  plugins: [picturesAsFiles],
  logLevel: 'warning'
}
const built = [
  await build({ ...common, entryPoints: ENTRIES, format: 'iife' }),
  await build({ ...common, entryPoints: MODULES, format: 'esm' })
]
const manifest = {}
for (const [path, { entryPoint }] of built.flatMap(({ metafile }) => Object.entries(metafile.outputs))) {
  if (entryPoint) manifest[entryPoint] = basename(path)
}
for (const name of readdirSync(NEW)) {
  if (/\.(css|js|svg)$/.test(name)) compress(join(NEW, name))
}
writeFileSync(join(NEW, 'manifest.json'), JSON.stringify(manifest, null, 2) + '\n')
rmSync(OUT, { recursive: true, force: true })
renameSync(NEW, OUT)
