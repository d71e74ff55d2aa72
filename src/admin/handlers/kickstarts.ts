// Answers requests about kickstart files.
import type { KICKSTARTS } from '../../api/kickstarts.ts';
import { ENDINGS, takeAnswers } from '../../boot/kickstart-taken.ts';
import { selectOne } from '../../model/select.ts';
import type { Handlers } from '../handler.ts';
import { audited } from '../requests.ts';
import { fetchAnswers } from '../taken-answers.ts';

/** Placeholder for the id of a session, which only a boot has. */
const PREVIEW = 'SESSION';

export const kickstartHandlers: Handlers<typeof KICKSTARTS> = {
  list: async (_asked, { kickstarts, cluster }) =>
    (await kickstarts.list()).map(file => ({
      ...file,
      used_by: cluster.all('boot').flatMap(({ value }) => (value.kickstart === file.name ? [value.name] : [])),
    })),
  render: async ({ body: { node, name, text }, query }, { kickstarts, cluster }) => {
    const more = { masked: !query.secrets, ...(text !== undefined && { text }) };
    return kickstarts.render(selectOne(cluster, 'node', node).uid, name, PREVIEW, more);
  },
  fetch: async (asked, ports) => {
    const { cluster, power, kickstarts } = ports;
    const entry = selectOne(cluster, 'node', asked.body.node);
    await audited(ports, asked, [entry]);
    const { kind, path, text } = await fetchAnswers(await power.address(entry), power.key(), asked.gone);
    const taken = takeAnswers(kind, text, kickstarts.values(entry.uid));
    return { kind, path, name: `${entry.value.name}.${ENDINGS[kind]}`, folder: kickstarts.folder, ...taken };
  },
};
