// The tree that a package installs: muster with its node_modules and its Node, names on the PATH, unit, manual, completion, documents.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { productionModules } from './modules.mjs';

const HOME = 'usr/lib/muster';
const NODE = `/${HOME}/bin/node`;

/** Libraries that every glibc system has; a Node that needs more cannot be packaged. */
const ORDINARY = /^(linux-vdso|lib(dl|stdc\+\+|m|gcc_s|pthread|c|rt|atomic)|\/?.*ld-linux.*)\.so/;

/**
 * Fills `stage`; answers the oldest glibc that it runs on.
 * @param {string} root @param {string} stage @param {string} version
 */
export async function fillStage(root, stage, version) {
  const home = join(stage, HOME);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(home, 'bin'), { recursive: true });
  const node = takeNode(join(home, 'bin/node'));
  for (const folder of ['boot-scripts', 'initramfs', 'node-scripts', 'templates'])
    cpSync(join(root, folder), join(home, folder), { recursive: true });
  for (const folder of ['dist/src', 'dist/lab'])
    cpSync(join(root, folder), join(home, folder), {
      recursive: true,
      filter: path => !/\.(map|d\.ts)$/.test(path),
    });
  const { name, type, bin, engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(
    join(home, 'package.json'),
    `${JSON.stringify({ name, version, type, bin, engines, private: true }, null, 2)}\n`,
  );
  const natives = productionModules(root, join(home, 'node_modules'));

  mkdirSync(join(stage, 'usr/bin'), { recursive: true });
  for (const [program, file] of Object.entries(bin)) {
    const path = join(home, file);
    const text = readFileSync(path, 'utf8').replace(/^#!.*/, `#!${NODE}`);
    writeFileSync(path, text);
    chmodSync(path, 0o755);
    symlinkSync(`../lib/muster/${file}`, join(stage, 'usr/bin', program));
  }
  for (const name of readdirSync(join(root, 'systemd')))
    put(stage, `usr/lib/systemd/system/${name}`, readFileSync(join(root, 'systemd', name)));
  await putManual(root, stage);
  await putDocuments(root, stage);
  return { glibc: newestGlibc([node, ...natives]) };
}

function takeNode(target) {
  const own = realpathSync(process.execPath);
  const { stdout, status } = spawnSync('ldd', [own], { encoding: 'utf8' });
  const libraries = status === 0 ? stdout.split('\n').map(line => line.trim().split(/\s/)[0] ?? '') : [];
  const foreign = libraries.filter(name => name !== '' && !ORDINARY.test(name));
  if (foreign.length > 0) {
    throw new Error(
      `This Node (${own}) is linked to ${foreign.join(', ')}, which other machines lack. Run 'npm run package' with a Node of nodejs.org or NodeSource.`,
    );
  }
  copyFileSync(own, target);
  chmodSync(target, 0o755);
  return target;
}

async function putManual(root, stage) {
  const load = async name => import(pathToFileURL(join(root, 'dist/src/cli', name)).href);
  const { manPages } = await load('man-pages.js');
  const { BASH_SCRIPT, ZSH_SCRIPT } = await load('completion-scripts.js');
  for (const [page, text] of manPages()) put(stage, `usr/share/man/man1/${page}.1.gz`, gzipSync(text, { level: 9 }));
  put(stage, 'usr/share/bash-completion/completions/muster', BASH_SCRIPT);
  const { bin } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  for (const program of Object.keys(bin).filter(each => each.startsWith('scyld-')))
    symlinkSync('muster', join(stage, 'usr/share/bash-completion/completions', program));
  put(stage, 'usr/share/zsh/site-functions/_muster', ZSH_SCRIPT);
  put(stage, 'usr/share/zsh/vendor-completions/_muster', ZSH_SCRIPT);
}

async function putDocuments(root, stage) {
  const folder = 'usr/share/doc/muster';
  for (const name of ['README.md', 'SECURITY.md', 'CHANGELOG.md'])
    put(stage, `${folder}/${name}`, readFileSync(join(root, name)));
  put(stage, `${folder}/copyright`, readFileSync(join(root, 'LICENSE')));
  for (const name of readdirSync(join(root, 'docs')).filter(each => each.endsWith('.md')))
    put(stage, `${folder}/${name}`, readFileSync(join(root, 'docs', name)));
  const dashboard = join(root, 'packaging/grafana-dashboard.json');
  if (existsSync(dashboard)) put(stage, `${folder}/examples/${basename(dashboard)}`, readFileSync(dashboard));
  put(stage, `${folder}/examples/muster.toml`, readFileSync(join(root, 'templates/muster.toml')));
  mkdirSync(join(stage, 'etc/muster'), { recursive: true });
}

function put(stage, path, content) {
  mkdirSync(dirname(join(stage, path)), { recursive: true });
  writeFileSync(join(stage, path), content, { mode: 0o644 });
}

function newestGlibc(files) {
  const versions = files.flatMap(file =>
    Array.from(readFileSync(file, 'latin1').matchAll(/GLIBC_(\d+)\.(\d+)/g), ([, major, minor]) => [
      Number(major),
      Number(minor),
    ]),
  );
  versions.sort(([a, b], [c, d]) => a - c || b - d);
  return (versions.at(-1) ?? [2, 28]).join('.');
}
