import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import test from 'ava';
import { accounts, groupId, userIds, userName } from '../src/accounts.ts';

test('rows come from the lines of passwd; what has no number is none', t => {
  const text = 'root:x:0:0:root:/root:/bin/sh\n+::::::\nalice:x:1000:1001::/home/alice:/bin/sh\n\n';
  t.deepEqual(
    accounts('passwd', text).map(({ name, id }) => [name, id]),
    [
      ['root', 0],
      ['alice', 1000],
    ],
  );
});

test("the machine's own tables", t => {
  const { username, uid, gid } = userInfo();
  t.is(userName(uid), username);
  t.deepEqual(userIds(username), { uid, gid });
  const [row = ''] = readFileSync('/etc/group', 'utf8').split('\n');
  t.is(groupId(row.split(':')[0] ?? ''), Number(row.split(':')[2]));
  t.is(groupId('no-such-group'), undefined);
  t.is(userName(4_294_000_000), undefined);
});
