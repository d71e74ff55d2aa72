// A process that commits as fast as it can, says each commit that was acknowledged, and waits to be killed.
import { createHash } from 'node:crypto';
import { KINDS, type Value } from '../../src/model/kinds.ts';
import { openSqliteStore } from '../../src/store/sqlite-store.ts';

const [folder = '', round = '0'] = process.argv.slice(2);
const store = await openSqliteStore(folder);
const { entries } = await store.load();
const revisions = new Map(entries.map(entry => [entry.uid, entry.revision]));
process.stdout.write('ready\n');

/** Three writers at once, each with objects of its own: commits of one transaction are killed together. */
async function write(writer: number): Promise<void> {
  for (let count = 0; ; count += 1) {
    const name = `w${writer}-${count % 7}`;
    const uid = createHash('md5').update(name).digest('hex');
    const expected = revisions.get(uid) ?? 0;
    const description = `round ${round} commit ${count}`;
    const value = KINDS.attrib.schema.parse({ name, description }) as Value;
    await store.commit({ who: 'writer', what: 'write', changes: [{ kind: 'attrib', uid, expected, value }] });
    revisions.set(uid, expected + 1);
    const id = `${name}-${count % 5}`;
    await store.saveBoots([{ id, node: name, started: count, body: description }]);
    process.stdout.write(`${JSON.stringify({ uid, revision: expected + 1, description, boot: id })}\n`);
  }
}

await Promise.all([0, 1, 2].map(write));
