// Routes of kickstart files: which there are, and how one looks for a node.
import type { FastifyInstance } from 'fastify';
import { MusterError } from '../errors.ts';
import { selectOne } from '../model/select.ts';
import { about } from './about.ts';
import type { ShownKickstart } from './contract.ts';
import type { AdminPorts } from './ports.ts';
import { objectBody } from './requests.ts';

/** In place of a session's id, which nobody has before the boot. */
const PREVIEW = 'SESSION';

export function kickstartRoutes(server: FastifyInstance, ports: AdminPorts): void {
  server.get(
    '/api/v1/kickstarts',
    about('The kickstart, preseed and autoinstall files there are.', { data: 'the files, with who uses them' }),
    async () => ({ success: true, data: await listed(ports) }),
  );
  server.post(
    '/api/v1/kickstarts/render',
    about('A kickstart file filled in for a node; nothing is changed.', {
      body: {
        type: 'object',
        properties: { node: { type: 'string' }, name: { type: 'string' }, text: { type: 'string' } },
        required: ['node', 'name'],
      },
      data: 'the text; SESSION stands in it for the id of the session that the boot will have',
    }),
    async request => {
      const { node, name, text } = objectBody(request.body);
      if (typeof node !== 'string' || typeof name !== 'string' || !['string', 'undefined'].includes(typeof text))
        throw new MusterError('bad-usage', 'node and name are wanted as texts, and text when it is no stored file.');
      const { uid } = selectOne(ports.cluster, 'node', node);
      const data = await ports.kickstarts.render(uid, name, PREVIEW, typeof text === 'string' ? { text } : {});
      return { success: true, data };
    },
  );
}

async function listed({ kickstarts, cluster }: AdminPorts): Promise<ShownKickstart[]> {
  const files = await kickstarts.list();
  return files.map(file => ({
    ...file,
    used_by: cluster.all('boot').flatMap(({ value }) => (value.kickstart === file.name ? [value.name] : [])),
  }));
}
