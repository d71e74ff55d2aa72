// Answers requests about kickstart files.
import type { KICKSTARTS } from '../../api/kickstarts.ts';
import { selectOne } from '../../model/select.ts';
import type { Handlers } from '../handler.ts';

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
};
