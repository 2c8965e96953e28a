// Makes one small style sheet: the parts of the State design system (DSFR) our pages use, then our own rules.
// What no template and no script names is dropped; the dark theme follows the visitor's system.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import postcss from 'postcss';
import { PurgeCSS } from 'purgecss';

const COMPONENTS = [
  'link', 'button', 'logo', 'header', 'footer', 'skiplink', 'sidemenu', 'modal', 'form', 'input', 'select', 'radio',
  'checkbox', 'password', 'alert', 'notice', 'callout', 'badge', 'tag', 'tile', 'card', 'stepper', 'accordion',
  'table', 'connect', 'content',
];

const OWN = ['fonts', 'layout', 'adjustments', 'components', 'organizations'];

/** The selector the design system puts before each dark rule; its script sets the attribute, which we do without. */
const DARK = /(:root)?\[data-fr-theme=dark\]/g;

/** Reads a style sheet and makes its file references absolute, so that it may be moved. */
async function read(file) {
  const root = postcss.parse(await readFile(file, 'utf8'), { from: file });
  root.walkDecls((declaration) => {
    declaration.value = declaration.value.replace(/url\((["']?)((?!data:|#)[^"')]+)\1\)/g, (_, __, target) =>
      `url("${path.resolve(path.dirname(file), target)}")`,
    );
  });
  return root;
}

/** Turns « dark when the attribute says so » into « dark when the system says so ». */
function followSystemTheme(root) {
  root.walkRules((rule) => {
    const dark = rule.selectors.filter((selector) => selector.search(DARK) >= 0);
    if (dark.length === 0) return;
    const media = postcss.atRule({ name: 'media', params: '(prefers-color-scheme: dark)' });
    const clone = rule.clone();
    clone.selectors = dark.map((selector) => selector.replace(DARK, ':root'));
    media.append(clone);
    rule.after(media);
    const light = rule.selectors.filter((selector) => !dark.includes(selector));
    if (light.length > 0) rule.selectors = light;
    else rule.remove();
  });
}

/** Drops fonts (ours are declared apart), media that no browser has any more, and comments. */
function dropUnwanted(root) {
  root.walkAtRules('font-face', (rule) => rule.remove());
  root.walkAtRules('media', (rule) => {
    // Rules for forced colours come under an old name, too, which no browser of ours knows.
    const known = rule.params.split(',').filter((query) => !query.includes('-ms-high-contrast'));
    if (known.length > 0) rule.params = known.join(',').trim();
    else rule.remove();
  });
  root.walkComments((comment) => comment.remove());
}

/** Drops custom properties that nothing reads any more, following the references between them. */
function dropUnusedProperties(root) {
  const reads = (value) => [...value.matchAll(/var\(\s*(--[\w-]+)/g)].map((match) => match[1]);
  const definitions = new Map();
  const pending = [];
  root.walkDecls((declaration) => {
    if (declaration.prop.startsWith('--')) {
      definitions.set(declaration.prop, [...(definitions.get(declaration.prop) ?? []), ...reads(declaration.value)]);
    } else {
      pending.push(...reads(declaration.value));
    }
  });
  const used = new Set();
  while (pending.length > 0) {
    const name = pending.pop();
    if (used.has(name)) continue;
    used.add(name);
    pending.push(...(definitions.get(name) ?? []));
  }
  root.walkDecls(/^--/, (declaration) => {
    if (!used.has(declaration.prop)) declaration.remove();
  });
  root.walkRules((rule) => {
    if (rule.nodes.length === 0) rule.remove();
  });
}

/** Keeps only the selectors whose classes, ids and elements appear in templates or scripts. */
async function purge(css, assets) {
  const [result] = await new PurgeCSS().purge({
    content: [path.join(assets, '../templates/{layouts,partials,pages}/**/*.hbs'), path.join(assets, 'js/**/*.js')],
    css: [{ raw: css }],
    defaultExtractor: (content) => content.match(/[\w-/:]+(?<!:)/g) ?? [],
    safelist: { standard: ['html', 'body', ':root'] },
    keyframes: true,
  });
  return result.css;
}

/**
 * Builds the style sheet. `assets` is this folder, `designSystem` the folder of the npm package; the result holds
 * absolute file references, to be resolved by the bundler.
 */
export async function buildStyles(assets, designSystem) {
  const dist = path.join(designSystem, 'dist');
  const theirs = [
    path.join(dist, 'core/core.main.css'),
    ...COMPONENTS.map((name) => path.join(dist, `component/${name}/${name}.main.css`)),
    path.join(dist, 'utility/icons/icons.main.css'),
    path.join(dist, 'scheme/scheme.css'),
  ];
  const ours = OWN.map((name) => path.join(assets, `css/${name}.css`));

  const parsed = [];
  for (const file of theirs) {
    const root = await read(file);
    dropUnwanted(root);
    parsed.push(root);
  }
  for (const file of ours) parsed.push(await read(file));
  const whole = postcss.root();
  for (const root of parsed) {
    root.walkAtRules('charset', (rule) => rule.remove());
    whole.append(root.nodes);
  }
  followSystemTheme(whole);
  const kept = postcss.parse(await purge(whole.toString(), assets));
  dropUnusedProperties(kept);
  return kept.toString();
}
