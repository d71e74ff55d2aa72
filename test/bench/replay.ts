// One hundred boots over HTTP from a node's own address, as fast as they are answered: script, files, reports, heartbeat.
//   node replay.js BASE FROM COUNT SCRIPT     (SCRIPT: the path of the boot script)
import { request } from 'node:http';

const [base = '', from = '', count = '', script = ''] = process.argv.slice(2);

for (let round = 0; round < Number(count); round += 1) {
  const text = await ask('GET', script);
  const url = /http:\/\/\S+(?=\/kernel)/.exec(text)?.[0];
  if (!url) throw new Error(`the script has no kernel: ${text.slice(0, 300)}`);
  const path = new URL(url).pathname;
  for (const file of ['kernel', 'initramfs']) await ask('GET', `${path}/${file}`);
  const token = /MUSTER_TOKEN='(\w+)'/.exec(await ask('GET', `${path}/session.cpio`))?.[1] ?? '';
  await ask('POST', `${path}/report`, 'stage=initramfs\n');
  await ask('GET', `${path}/image`);
  for (const stage of ['image', 'root']) await ask('POST', `${path}/report`, `stage=${stage}\n`);
  await ask('POST', '/node/v1/heartbeat', `token=${token}\nhardware.cpus=2\nstatus.ram_free=1\n`);
}

/** The start of the answer's body; the rest is read and dropped. */
async function ask(method: string, path: string, body?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(new URL(path, base), { method, localAddress: from, agent: false }, response => {
      let kept = '';
      response.on('data', (chunk: Buffer) => {
        if (kept.length < 4096) kept += chunk.toString('latin1');
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode === 200) resolve(kept);
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${kept}`));
      });
    });
    sent.on('error', reject);
    sent.end(body);
  });
}
