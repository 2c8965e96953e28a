// Builds everything a browser downloads into assets/dist: hashed names, a manifest, compressed twins.
// Run by `npm run build` in this folder; the server embeds the result.
import { createHash } from 'node:crypto';
import { cp, mkdir, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { build } from 'esbuild';
import { buildStyles } from './styles.mjs';

const ROOT = path.dirname(fileURLToPath(import.meta.url));
const DIST = path.join(ROOT, 'dist');
/** Where the build happens; it takes the place of `dist` when it is whole. */
const NEXT = path.join(ROOT, 'node_modules', '.cache', 'dist');
const BROWSERS = ['chrome90', 'edge90', 'firefox90', 'safari15'];
const COMPRESSIBLE = new Set(['.css', '.js', '.svg', '.json', '.txt', '.ico']);

/** Lists the files below a folder, as paths relative to it. */
async function filesBelow(folder) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .sort();
}

/** Maps the logical name of each hashed output of esbuild (`main.css`) to its real one (`main-AB12CD34.css`). */
function logicalNames(outputs) {
  const names = {};
  for (const file of Object.keys(outputs)) {
    const output = path.relative(NEXT, path.join(ROOT, file));
    const logical = output.replace(/-[0-9A-Z]{8}(?=\.\w+$)/, '');
    names[names[logical] ? output : logical] = output;
  }
  return names;
}

async function bundle(entryPoints, options) {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints,
    outdir: NEXT,
    entryNames: '[name]-[hash]',
    chunkNames: 'chunk-[hash]',
    assetNames: 'fonts/[name]-[hash]',
    bundle: true,
    minify: true,
    metafile: true,
    legalComments: 'none',
    target: BROWSERS,
    logLevel: 'warning',
    ...options,
  });
  return logicalNames(result.metafile.outputs);
}

/** Copies the images under hashed names. */
async function hashImages() {
  const names = {};
  for (const file of await filesBelow(path.join(ROOT, 'images'))) {
    const content = await readFile(path.join(ROOT, 'images', file));
    const hash = createHash('sha256').update(content).digest('hex').slice(0, 8).toUpperCase();
    const { name, ext } = path.parse(file);
    const output = `images/${name}-${hash}${ext}`;
    await mkdir(path.join(NEXT, 'images'), { recursive: true });
    await writeFile(path.join(NEXT, output), content);
    names[`images/${file}`] = output;
  }
  return names;
}

/** Writes the .br and .gz twins next to each file they make smaller. */
async function compress() {
  for (const file of await filesBelow(NEXT)) {
    if (!COMPRESSIBLE.has(path.extname(file))) continue;
    const content = await readFile(path.join(NEXT, file));
    const twins = {
      br: await promisify(brotliCompress)(content, {
        params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length },
      }),
      gz: await promisify(gzip)(content, { level: 9 }),
    };
    for (const [extension, twin] of Object.entries(twins)) {
      if (twin.length < content.length) await writeFile(path.join(NEXT, `${file}.${extension}`), twin);
    }
  }
}

/** Whether two folders hold the same files. */
async function isSame(one, other) {
  const [files, others] = await Promise.all([filesBelow(one), filesBelow(other).catch(() => [])]);
  if (files.join() !== others.join()) return false;
  for (const file of files) {
    const [content, present] = await Promise.all([one, other].map((folder) => readFile(path.join(folder, file))));
    if (!content.equals(present)) return false;
  }
  return true;
}

await rm(NEXT, { recursive: true, force: true });
await mkdir(NEXT, { recursive: true });

const designSystem = path.dirname(createRequire(import.meta.url).resolve('@gouvfr/dsfr/package.json'));
const stylesheet = path.join(ROOT, 'node_modules', '.cache', 'main.css');
await mkdir(path.dirname(stylesheet), { recursive: true });
await writeFile(stylesheet, await buildStyles(ROOT, designSystem));

const scripts = (await filesBelow(path.join(ROOT, 'js'))).filter((file) => !file.includes(path.sep));
const manifest = {
  ...(await bundle([stylesheet], { loader: { '.svg': 'dataurl', '.woff2': 'file' } })),
  ...(await bundle(scripts.map((file) => `js/${file}`), { format: 'esm', splitting: true })),
  ...(await hashImages()),
};
await cp(path.join(ROOT, 'static'), NEXT, { recursive: true });
await compress();
const sorted = Object.fromEntries(Object.entries(manifest).sort(([a], [b]) => (a < b ? -1 : 1)));
await writeFile(path.join(NEXT, 'manifest.json'), `${JSON.stringify(sorted, null, 2)}\n`);
// What is the same stays as it is: whoever embeds it need not be built again.
if (!(await isSame(NEXT, DIST))) {
  await rm(DIST, { recursive: true, force: true });
  await rename(NEXT, DIST);
}
