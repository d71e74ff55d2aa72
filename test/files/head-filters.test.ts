import { chmodSync, mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { derivedSecret, hostKey } from '../../src/files/derived.ts';
import { type HeadSources, headIdentity } from '../../src/files/head-filters.ts';
import { madeOf } from '../../src/files/result-cache.ts';
import { TemplateEngine } from '../../src/files/template-engine.ts';
import type { TemplateResult } from '../../src/files/template-protocol.ts';

const KEY = Buffer.alloc(32, 7);

function render(text: string, { secret = false, ...sources }: HeadSources & { secret?: boolean } = {}) {
  const source = { name: 'base:/etc/x.tmpl', text, digest: text, secret, partials: {} };
  const node = { node: { name: 'n0', uid: 'a1' } };
  return new TemplateEngine(sources).render({
    ...{ source, node, shared: {}, nodes: [], secretNames: new Set<string>(), traced: false },
  });
}

function textOf({ result }: { result: TemplateResult }): string {
  return 'failed' in result ? `failed: ${result.failed.reason}` : (result.main?.text ?? '');
}

test('secrets of the cluster: the same for one name, in secret files only', t => {
  const text = '{{ "munge" | cluster_secret: 64, "hex" }}';
  const secret = textOf(render(text, { secret: true, key: KEY }));
  t.is(secret, derivedSecret(KEY, 'cluster munge', 64).toString('hex'));
  t.not(textOf(render('{{ "other" | cluster_secret: 64, "hex" }}', { secret: true, key: KEY })), secret);
  t.regex(textOf(render(text, { key: KEY })), /only a template of a secret file may read it/);
  t.regex(textOf(render(text, { secret: true })), /needs the key of the head/);
  t.regex(
    textOf(render('{{ "x" | cluster_secret: 3 }}', { secret: true, key: KEY })),
    /gives 16 to 8160 bytes, and not \*\*\*$/,
  );
  t.regex(textOf(render('{{ "x" | cluster_secret: 32, "b" }}', { secret: true, key: KEY })), /gives base64 or hex/);
});

test('the private host key is that of the node, and its result serves no other node', t => {
  const answer = render('{{ "ed25519" | host_key }}', { secret: true, key: KEY });
  t.is(textOf(answer), hostKey(KEY, 'a1', 'ed25519').private);
  t.deepEqual(answer.reads, [['node.uid']]);
  t.regex(textOf(render('{{ "ed25519" | host_key }}', { key: KEY })), /only a template of a secret file/);
  t.regex(textOf(render('{{ "ecds" | host_key }}', { secret: true, key: KEY })), /did you mean 'ecdsa'/);
});

test('accounts of the head by their numbers', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-accounts-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, 'passwd'),
    'root:x:0:0::/root:/bin/sh\n# no\n+nis\nann:x:1000:1000::/home/ann:/bin/sh\nnobody:x:65534:0:::\n',
  );
  writeFileSync(join(folder, 'group'), 'root:x:0:\nann:x:1000:\nlab:x:1500:ann\n');
  const accounts = { accounts: folder };
  const answer = render('{{ "passwd" | head_accounts: 1000, 59999 }}', accounts);
  t.is(textOf(answer), 'ann:x:1000:1000::/home/ann:/bin/sh\n');
  t.is(textOf(render('{{ "group" | head_accounts: "1000", "59999" }}', accounts)), 'ann:x:1000:\nlab:x:1500:ann\n');
  t.regex(textOf(render('{{ "shadow" | head_accounts: 1, 2 }}', accounts)), /there are passwd, group/);
  t.regex(textOf(render('{{ "passwd" | head_accounts: 2, 1 }}', accounts)), /the smaller one first/);
  const [[read = '', identity] = []] = answer.reads;
  t.is(await headIdentity(read, accounts), identity);
  writeFileSync(join(folder, 'passwd'), 'ann:x:1000:1000::/home/ann:/bin/zsh\n');
  t.not(await headIdentity(read, accounts), identity, 'a change of the table is seen');
});

test('a file in a folder that is closed to others is for secret files, whatever its own mode', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-head-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'munge/deep'), { recursive: true });
  writeFileSync(join(folder, 'munge/deep/key'), 'k', { mode: 0o644 });
  const text = '{{ "munge/deep/key" | head_file }}';
  t.is(textOf(render(text, { folder })), 'k');
  const [[read = '', open] = []] = render(text, { folder }).reads;
  t.is(await headIdentity(read, { folder }), open);
  chmodSync(join(folder, 'munge'), 0o750);
  const refused = render(text, { folder });
  t.regex(textOf(refused), /only a template of a secret file may read it/);
  const [[, closed] = []] = refused.reads;
  t.not(closed, open, 'a result that was kept in the clear serves nobody any more');
  t.is(await headIdentity(read, { folder }), closed);
  t.is(textOf(render(text, { folder, secret: true })), 'k');
});

test('a failure to read a file of the head lasts no longer than its reason', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-head-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const absent = render('{{ "k" | head_file }}', { folder });
  t.regex(textOf(absent), /does not exist/);
  const [[read = '', identity] = []] = absent.reads;
  t.is(await headIdentity(read, { folder }), identity);
  writeFileSync(join(folder, 'k'), 'k', { mode: 0o600 });
  t.not(await headIdentity(read, { folder }), identity);
  const [[, closed] = []] = render('{{ "k" | head_file }}', { folder }).reads;
  chmodSync(join(folder, 'k'), 0o644);
  t.not(await headIdentity(read, { folder }), closed);
});

test('a file of the head may be absent, and may have any bytes', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'muster-head-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'munge'));
  const bytes = Buffer.from([0, 255, 128, 10, 13]);
  const text =
    '{% base64 %}{% assign name = "munge/munge.key" %}{% assign is = name | head_file_exists %}{% if is %}{{ name | head_file: "base64" }}{% else %}bm9uZQ=={% endif %}';
  const without = render(text, { folder, secret: true });
  const madeWithout = madeOf(without.result);
  t.is('files' in madeWithout ? madeWithout.files[0]?.content.toString() : '', 'none');
  t.deepEqual(without.reads, [['head_file:munge/munge.key', '']]);
  t.is(await headIdentity('head_file:munge/munge.key', { folder }), '');
  writeFileSync(join(folder, 'munge/munge.key'), bytes);
  chmodSync(join(folder, 'munge/munge.key'), 0o400);
  const made = madeOf(render(text, { folder, secret: true }).result);
  t.deepEqual('files' in made ? made.files[0]?.content : undefined, bytes);
  t.regex(textOf(render(text, { folder })), /only a template of a secret file may read it/);
  const before = await headIdentity('head_file:munge/munge.key', { folder });
  utimesSync(join(folder, 'munge/munge.key'), 1, 1);
  t.not(await headIdentity('head_file:munge/munge.key', { folder }), before);
  t.regex(textOf(render('{{ "../x" | head_file_exists }}', { folder })), /must not have the parts/);
});
