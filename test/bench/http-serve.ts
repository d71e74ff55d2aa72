// The boot plane with one node, at 127.0.0.1, whose image is a file given by its path. Says `ready PORT PATH`.
import { mkdtempSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { clusterDirectory } from '../../src/boot/cluster-directory.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { startBootPlane } from '../../src/http/boot-plane.ts';
import { silentLog } from '../../src/log.ts';
import { DIGEST, FakeCluster, fakeBoots } from '../fakes/cluster.ts';
import { fakeEnrolment } from '../fakes/plane.ts';

const [file = '', size = '0', port = '8089'] = process.argv.slice(2);
const fake = new FakeCluster();
const { node, image } = fake.bootable();
fake.change(node, { ip: '127.0.0.1' });
const content = { ...image.value.content, root_offset: 0, root_size: Number(size) } as typeof image.value.content;
fake.change(image, { content });
const folder = mkdtempSync(join(tmpdir(), 'muster-bench-http-'));
symlinkSync(file, join(folder, DIGEST.image));
const server = await startBootPlane({
  ...fakeBoots(fake),
  enrolment: fakeEnrolment(fake),
  addresses: ['127.0.0.1'],
  head: () => ({
    address: '127.0.0.1',
    port: Number(port),
    prefix: 8,
    router: '',
    dns: [],
    domain: '',
    failureSeconds: 60,
  }),
  directory: clusterDirectory(fake.cluster),
  log: silentLog(),
  plan: uid => planBoot(fake.cluster, fake.cluster.get('node', uid) ?? node),
  template: async () => '@URL@',
  blobPath: sha256 => join(folder, sha256),
  bootFileHead: async () => undefined,
  loaderFile: () => undefined,
  save: async () => {},
  attributesIni: () => undefined,
  statusSeconds: () => 10,
  kickstart: async () => '',
  iso: async () => undefined,
  takeOnce: async () => {},
});
const script = await (await fetch(`http://127.0.0.1:${server.port}/boot/v1/script`)).text();
process.stdout.write(`ready ${script}/image\n`);
