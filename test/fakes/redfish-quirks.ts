// How real BMCs were reported to behave, one row each, with the report. A test runs every row against the driver.
import { deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { type Answer, json, problem, type Quirk, ROOT, SESSIONS, SYSTEMS } from './redfish.ts';

const isSystem = ({ method, path }: { method: string; path: string }) =>
  method === 'GET' && /\/Systems\/[^/]+\/?$/.test(path);
const isReset = ({ method, path }: { method: string; path: string }) => method === 'POST' && path.includes('Actions');
const isLogin = ({ method, path }: { method: string; path: string }) => method === 'POST' && path.startsWith(SESSIONS);
const isSystemPatch = ({ method, path }: { method: string; path: string }) =>
  method === 'PATCH' && /\/Systems\/[^/]+\/?$/.test(path);

/** The object that an answer carries, to be changed. */
function objectOf(answer: Answer): Record<string, unknown> {
  return answer.body as Record<string, unknown>;
}

function packed(pack: (bytes: Buffer) => Buffer, coding: string | undefined): Pick<Quirk, 'after'> {
  return {
    after(answer, { method }) {
      if (method !== 'GET' || answer.body === undefined) return;
      answer.bytes = pack(Buffer.from(JSON.stringify(answer.body)));
      if (coding) answer.headers['Content-Encoding'] = coding;
    },
  };
}

/** Every path without a slash at its end is moved to the one with it. */
function slashes(status: number, host: string): Pick<Quirk, 'before'> {
  return {
    before({ path }, sim) {
      if (path.endsWith('/')) return undefined;
      return problem0(status, { Location: `${host.replace('PORT', String(sim.port))}${path}/` });
    },
  };
}

function problem0(status: number, headers: Record<string, string>): Answer {
  return { ...problem(status, 'GeneralError', 'Moved.'), headers };
}

/** The tag is wanted in this form, and shown in that one. */
function tags(
  shown: (version: number) => { header?: string; body?: string },
  wanted: (version: number) => string | undefined,
) {
  const quirk: Pick<Quirk, 'before' | 'after'> = {
    before(call, sim) {
      if (!isSystemPatch(call)) return undefined;
      const given = call.headers['if-match'];
      const { version } = sim.system;
      if (given === undefined && wanted(version) !== undefined)
        return problem(428, 'PreconditionRequired', 'The request did not provide the required precondition.');
      if (given !== wanted(version)) return problem(412, 'PreconditionFailed', 'The ETag supplied did not match.');
      if (!sim.isAllowed(call)) return problem(401, 'NoValidSession', 'No login.');
      sim.setBoot(call.given);
      return { status: 204, headers: {} };
    },
    after(answer, call, sim) {
      if (!isSystem(call) || answer.status !== 200) return;
      const { header, body } = shown(sim.system.version);
      const { ETag: _tag, ...headers } = answer.headers;
      answer.headers = { ...headers, ...(header !== undefined && { ETag: header }) };
      const { '@odata.etag': _odata, ...rest } = objectOf(answer);
      answer.body = { ...rest, ...(body !== undefined && { '@odata.etag': body }) };
    },
  };
  return quirk;
}

/** The system's Boot is not what takes a change; the resource that its settings name may be. */
function settings(more: {
  system: 'refuses' | 'ignores';
  hasBoot: boolean;
  status?: number;
}): Pick<Quirk, 'before' | 'after'> {
  const path = `${SYSTEMS}/one/Settings`;
  return {
    before(call, sim) {
      const isTheirs = call.path === path;
      if (!isTheirs && !isSystemPatch(call)) return undefined;
      if (!sim.isAllowed(call)) return problem(401, 'NoValidSession', 'No login.');
      if (isTheirs && call.method === 'GET')
        return json(
          200,
          { '@odata.id': path, ...(more.hasBoot && { Boot: sim.system.boot }) },
          { ETag: `"${sim.system.version}"` },
        );
      if (isTheirs !== more.hasBoot) {
        if (more.system === 'ignores') return json(200, { Id: 'one' });
        return problem(more.status ?? 400, 'PropertyNotWritable', 'The property Boot is a read only property.');
      }
      sim.setBoot(call.given);
      return json(200, {});
    },
    after(answer, call) {
      if (!isSystem(call) || answer.status !== 200) return;
      objectOf(answer)['@Redfish.Settings'] = { SettingsObject: { '@odata.id': path } };
    },
  };
}

/** For the first questions after a reset the answer is another one. */
function stumbles(change: (answer: Answer) => void): Pick<Quirk, 'after'> {
  return {
    after(answer, call, sim) {
      if (isSystem(call) && sim.isFresh) change(answer);
    },
  };
}

/** A change of Boot is looked at by this first. */
function boots(
  look: (boot: Record<string, unknown>, sim: Parameters<NonNullable<Quirk['before']>>[1]) => Answer | undefined,
): Pick<Quirk, 'before'> {
  return {
    before(call, sim) {
      if (!isSystemPatch(call)) return undefined;
      return look((call.given['Boot'] ?? {}) as Record<string, unknown>, sim);
    },
  };
}

export const QUIRKS: readonly Quirk[] = [
  // How the answers are sent.
  {
    name: 'packs its answers by gzip though identity was asked for',
    source: 'https://github.com/DMTF/Redfish-Mockup-Creator/issues/58',
    ...packed(gzipSync, 'gzip'),
  },
  {
    name: 'refuses whoever does not take gzip with 406',
    source: 'https://github.com/DMTF/Redfish-Mockup-Creator/issues/56',
    before: ({ headers }) =>
      /gzip/.test(headers['accept-encoding'] ?? '') ? undefined : problem(406, 'HeaderInvalid', 'Not acceptable.'),
    ...packed(gzipSync, 'gzip'),
  },
  {
    name: 'packs by deflate, in zlib format',
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.2',
    ...packed(deflateSync, 'deflate'),
  },
  {
    name: 'packs by deflate, the bare stream',
    source: 'https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1.2',
    ...packed(deflateRawSync, 'deflate'),
  },
  {
    name: 'packs by gzip and does not say so',
    source: 'https://github.com/DMTF/python-redfish-library/issues/22',
    ...packed(gzipSync, undefined),
  },
  {
    name: 'says gzip and does not pack',
    source: 'https://github.com/DMTF/python-redfish-library/issues/22',
    ...packed(bytes => bytes, 'gzip'),
  },
  {
    name: 'begins its JSON with a byte order mark',
    source: 'https://www.rfc-editor.org/rfc/rfc8259#section-8.1',
    ...packed(bytes => Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), bytes]), undefined),
  },
  {
    name: 'says more Content-Length than it sends',
    source: 'https://github.com/bb-Ricardo/check_redfish/issues/90',
    after(answer, { method }) {
      if (method === 'GET') answer.ends = 'in the body';
    },
  },
  {
    name: 'sends JSON as text/html with a charset',
    source: 'https://github.com/bb-Ricardo/check_redfish/issues/90',
    after(answer) {
      answer.headers['Content-Type'] = 'text/html; charset=utf-8';
    },
  },
  {
    name: 'takes a body only with a charset in its type (415)',
    source: 'https://www.dmtf.org/sites/default/files/standards/documents/DSP0266_1.20.0.pdf',
    before: ({ method, headers }) =>
      (method === 'POST' || method === 'PATCH') && !/charset=utf-8/i.test(headers['content-type'] ?? '')
        ? problem(415, 'UnsupportedMediaType', 'The Content-Type is not supported.')
        : undefined,
  },
  {
    name: 'closes every second connection without an answer to a question',
    source: 'https://github.com/DMTF/python-redfish-library/issues/64',
    after(answer, { method }, sim) {
      sim.memory += 1;
      if (method === 'GET' && sim.memory % 2 === 1) answer.ends = 'without an answer';
    },
  },
  {
    name: 'answers questions with 500 now and then, while a service of its restarts',
    source: 'https://docs.openstack.org/releasenotes/sushy/yoga.html',
    before({ method }, sim) {
      sim.memory += 1;
      return method === 'GET' && sim.memory % 3 === 0
        ? problem(500, 'InternalError', 'Data sources are unavailable.')
        : undefined;
    },
  },
  {
    name: 'is busy and says for how long',
    source: 'https://github.com/Mellanox/dpu-update/pull/96',
    before({ method }, sim) {
      sim.memory += 1;
      if (method !== 'GET' || sim.memory % 4 !== 0) return undefined;
      return { ...problem(503, 'ServiceTemporarilyUnavailable', 'Retry later.'), headers: { 'Retry-After': '5' } };
    },
  },
  // Where things are.
  {
    name: 'moves a path without a slash at its end by 308, also that of a POST, to an absolute URL',
    source: 'https://github.com/bb-Ricardo/check_redfish/pull/187',
    ...slashes(308, 'https://127.0.0.1:PORT'),
  },
  {
    name: 'moves it by 301 to its own idea of its address',
    source: 'https://github.com/mrlhansen/idrac_exporter/issues/201',
    ...slashes(301, 'https://192.168.1.28'),
  },
  { name: 'moves it by 307 to a path', source: 'https://github.com/ansible/ansible/issues/45513', ...slashes(307, '') },
  {
    name: 'lists its one system twice, with and without a slash',
    source: 'https://github.com/DMTF/Redfish-Interface-Emulator/pull/12',
    after(answer, { path }) {
      if (path === SYSTEMS)
        objectOf(answer)['Members'] = [{ '@odata.id': `${SYSTEMS}/one` }, { '@odata.id': `${SYSTEMS}/one/` }];
    },
  },
  {
    name: 'lists its systems in pages',
    source: 'https://www.dmtf.org/sites/default/files/standards/documents/DSP0266_1.20.0.pdf',
    before({ path }) {
      if (path !== `${SYSTEMS}?$skip=1`) return undefined;
      return json(200, { Members: [{ '@odata.id': `${SYSTEMS}/one` }] });
    },
    after(answer, { path }) {
      if (path !== SYSTEMS) return;
      Object.assign(objectOf(answer), { Members: [], 'Members@odata.nextLink': `${SYSTEMS}?$skip=1` });
    },
  },
  {
    name: 'refers to everything by absolute URLs',
    source: 'https://www.dmtf.org/sites/default/files/standards/documents/DSP0266_1.20.0.pdf',
    after(answer, _call, sim) {
      const base = `https://127.0.0.1:${sim.port}/redfish/`;
      if (answer.body !== undefined)
        answer.body = JSON.parse(JSON.stringify(answer.body).replaceAll('"/redfish/', `"${base}`));
      const { Location } = answer.headers;
      if (Location) answer.headers['Location'] = `https://127.0.0.1:${sim.port}${Location}`;
    },
  },
  {
    name: 'has its systems elsewhere, as its root says',
    source: 'https://github.com/bb-Ricardo/check_redfish/issues/148',
    before(call) {
      if (call.path === SYSTEMS) return problem(404, 'ResourceMissingAtURI', 'Nothing here.');
      if (call.path === '/redfish/v1/')
        return json(200, { ...ROOT, Systems: { '@odata.id': '/redfish/v1/Computers' } });
      return call.path === '/redfish/v1/Computers'
        ? json(200, { Members: [{ '@odata.id': `${SYSTEMS}/one` }] })
        : undefined;
    },
  },
  // Logins.
  {
    name: 'has no sessions',
    source: 'https://docs.openstack.org/releasenotes/sushy/queens.html',
    options: { sessions: false },
  },
  {
    name: 'makes sessions elsewhere, as its root says',
    source: 'https://docs.openstack.org/releasenotes/sushy/queens.html',
    before(call, sim) {
      if (call.path === SESSIONS) return problem(404, 'ResourceMissingAtURI', 'Nothing here.');
      if (call.path === '/redfish/v1/')
        return json(200, { ...ROOT, Links: { Sessions: { '@odata.id': '/redfish/v1/Sessions' } } });
      return call.path === '/redfish/v1/Sessions' ? sim.logIn(call.given) : undefined;
    },
  },
  {
    name: 'has all its sessions in use (503)',
    source: 'https://github.com/stmcginnis/gofish/issues/75',
    before: call =>
      isLogin(call) ? problem(503, 'RAC0218', 'The maximum number of user sessions is reached.') : undefined,
  },
  {
    name: 'has all its sessions in use (400)',
    source: 'https://github.com/bb-Ricardo/check_redfish/issues/89',
    before: call =>
      isLogin(call) ? problem(400, 'SessionLimitExceeded', 'The maximum number of sessions is in use.') : undefined,
  },
  {
    name: 'has all its sessions in use (403)',
    source: 'https://github.com/redhat-eets/glpi-helper-scripts/pull/132',
    before: call => (isLogin(call) ? problem(403, 'SessionLimitExceeded', 'Session limit exceeded.') : undefined),
  },
  {
    name: 'cannot make a session for an error of its own',
    source: 'https://github.com/redhat-eets/glpi-helper-scripts/pull/132',
    before: call => (isLogin(call) ? problem(500, 'InternalError', 'Internal error.') : undefined),
  },
  {
    name: 'ends a session after a few questions',
    source: 'https://github.com/bb-Ricardo/check_redfish/issues/90',
    before(_call, sim) {
      sim.memory += 1;
      if (sim.memory % 4 === 0) sim.sessions.clear();
      return undefined;
    },
  },
  {
    name: 'names a session in the body only',
    source: 'https://docs.openstack.org/releasenotes/sushy/2024.1.html',
    after(answer, call) {
      if (isLogin(call)) answer.headers = { 'X-Auth-Token': answer.headers['X-Auth-Token'] ?? '' };
    },
  },
  // Entity tags.
  {
    name: 'needs the tag and has it in the body only (428)',
    source: 'https://github.com/ansible/ansible/pull/56150',
    ...tags(
      version => ({ body: `"${version}"` }),
      version => `"${version}"`,
    ),
  },
  {
    name: 'puts -gzip behind the tag and does not know that one',
    source:
      'https://github.com/openstack/sushy/blob/master/releasenotes/notes/do-not-offer-compression-encoding-884ca8a7458cb096.yaml',
    ...tags(
      version => ({ header: `"${version}-gzip"` }),
      version => `"${version}"`,
    ),
  },
  {
    name: 'wants a weak tag back as it was',
    source:
      'https://github.com/openstack/sushy/blob/master/releasenotes/notes/fix-return-full-weak-etag-04265472cbea9c0e.yaml',
    ...tags(
      version => ({ header: `W/"${version}"` }),
      version => `W/"${version}"`,
    ),
  },
  {
    name: 'shows a weak tag and knows the strong one',
    source: 'https://github.com/ansible-collections/community.general/pull/6434',
    ...tags(
      version => ({ header: `W/"${version}"`, body: `W/"${version}"` }),
      version => `"${version}"`,
    ),
  },
  {
    name: 'quotes the tag of the header twice',
    source: 'https://github.com/ansible-collections/community.general/pull/3268',
    ...tags(
      version => ({ header: `""${version}""`, body: `"${version}"` }),
      version => `"${version}"`,
    ),
  },
  {
    name: 'refuses every If-Match',
    source: 'https://github.com/ansible-collections/community.general/pull/11270',
    ...tags(
      version => ({ header: `"${version}"` }),
      () => undefined,
    ),
  },
  {
    name: 'has no tags and needs If-Match all the same',
    source: 'https://github.com/DMTF/python-redfish-library/pull/146',
    ...tags(
      () => ({}),
      () => '*',
    ),
  },
  // The boot override.
  {
    name: 'takes the override in a settings resource and refuses it in the system',
    source: 'https://github.com/ansible-collections/community.general/issues/11297',
    ...settings({ system: 'refuses', hasBoot: true }),
  },
  {
    name: 'says 403 to an override in the system',
    source: 'https://github.com/ansible-collections/community.general/issues/11297',
    ...settings({ system: 'refuses', hasBoot: true, status: 403 }),
  },
  {
    name: 'takes the override in a settings resource and ignores it in the system',
    source: 'https://github.com/DMTF/Redfish-Tacklebox/issues/111',
    ...settings({ system: 'ignores', hasBoot: true }),
  },
  {
    name: 'has a settings resource that knows no override',
    source:
      'https://github.com/openstack/sushy/blob/master/releasenotes/notes/check-for-boot-attrs-in-settingsuri-1cad07b6eb1c81b3.yaml',
    ...settings({ system: 'refuses', hasBoot: false }),
  },
  {
    name: 'puts the mode back to Legacy when a change does not name it',
    source: 'https://github.com/DMTF/Redfishtool/pull/106',
    ...boots((boot, sim) => {
      if (!('BootSourceOverrideMode' in boot)) sim.system.boot['BootSourceOverrideMode'] = 'Legacy';
      return undefined;
    }),
  },
  {
    name: 'refuses a change that names the mode',
    source: 'https://github.com/ironcore-dev/metal-operator/issues/608',
    ...boots(boot =>
      'BootSourceOverrideMode' in boot ? problem(400, 'PropertyNotWritable', 'The property is read only.') : undefined,
    ),
  },
  {
    name: 'takes one property of the override at a time',
    source:
      'https://github.com/openstack/sushy/blob/master/releasenotes/notes/decouple-boot-params-c75e80f5951abb12.yaml',
    ...boots(boot =>
      Object.keys(boot).length > 1 ? problem(400, 'PropertyValueConflict', 'One property at a time.') : undefined,
    ),
  },
  {
    name: 'has no mode',
    source:
      'https://github.com/openstack/sushy/blob/master/releasenotes/notes/fix-malformed-boot-mode-1ba1117cad8dcc47.yaml',
    ...boots(boot => ('BootSourceOverrideMode' in boot ? problem(400, 'PropertyUnknown', 'Unknown.') : undefined)),
    after(answer, call) {
      if (!isSystem(call) || answer.status !== 200) return;
      const { BootSourceOverrideMode: _mode, ...boot } = objectOf(answer)['Boot'] as Record<string, unknown>;
      objectOf(answer)['Boot'] = boot;
    },
  },
  // Power.
  {
    name: 'sends an empty body after a change',
    source: 'https://github.com/device-management-toolkit/console/pull/1051',
    ...stumbles(answer => {
      answer.bytes = Buffer.alloc(0);
    }),
  },
  {
    name: 'has the power state null after a change',
    source: 'https://github.com/ironcore-dev/metal-operator/pull/601',
    ...stumbles(answer => {
      objectOf(answer)['PowerState'] = null;
    }),
  },
  {
    name: 'has the power state Starting, which is none, after a change',
    source: 'https://github.com/ibm-openbmc/bmcweb/pull/221',
    ...stumbles(answer => {
      objectOf(answer)['PowerState'] = 'Starting';
    }),
  },
  {
    name: 'has no power state after a change',
    source: 'https://github.com/ironcore-dev/metal-operator/issues/594',
    ...stumbles(answer => {
      const { PowerState: _state, ...rest } = objectOf(answer);
      answer.body = rest;
    }),
  },
  {
    name: 'sends null after a change',
    source:
      'https://github.com/openstack/sushy/blob/master/releasenotes/notes/fix-error-handling-non-dict-json-body-2a3e7acd3baafbe5.yaml',
    ...stumbles(answer => {
      answer.bytes = Buffer.from('null');
    }),
  },
  {
    name: 'closes connections after a change',
    source: 'https://github.com/xcat2/xcat-core/pull/5569',
    ...stumbles(answer => {
      answer.ends = 'without an answer';
    }),
  },
  {
    name: 'says 404 to its own system after a change',
    source: 'https://github.com/device-management-toolkit/console/issues/1069',
    ...stumbles(answer => {
      Object.assign(answer, problem(404, 'ResourceMissingAtURI', 'Nothing here.'));
    }),
  },
  {
    name: 'is busy for long after a change',
    source: 'https://github.com/openbmc/openbmc/issues/863',
    ...stumbles(answer => {
      Object.assign(answer, problem(503, 'ServiceTemporarilyUnavailable', 'Not now.'));
    }),
  },
  {
    name: 'passes through PoweringOn and PoweringOff',
    source: 'https://github.com/ibm-openbmc/dev/issues/2619',
    ...stumbles(answer => {
      objectOf(answer)['PowerState'] = objectOf(answer)['PowerState'] === 'Off' ? 'PoweringOff' : 'PoweringOn';
    }),
  },
  {
    name: 'shows the old state for long',
    source: 'https://github.com/xcat2/xcat-core/pull/4047',
    before(_call, sim) {
      sim.lag = 8;
      return undefined;
    },
  },
  {
    name: 'writes its states in lower case',
    source: 'https://www.dmtf.org/sites/default/files/standards/documents/DSP0266_1.20.0.pdf',
    after(answer, call) {
      if (isSystem(call) && answer.status === 200)
        objectOf(answer)['PowerState'] = String(objectOf(answer)['PowerState']).toLowerCase();
    },
  },
  {
    name: 'carries a reset out and closes the connection',
    source: 'https://github.com/openbmc/openbmc-test-automation/issues/509',
    after(answer, call, sim) {
      if (!isReset(call)) return;
      answer.ends = 'without an answer';
      // What is seen is all that tells whether it was done.
      if (call.given['ResetType'] === 'ForceRestart') sim.dark = 2;
    },
  },
  {
    name: 'answers a reset with a task',
    source: 'https://github.com/lenovo/powershell-redfish-lenovo/pull/76',
    after(answer, call) {
      if (!isReset(call) || answer.status !== 204) return;
      const location = '/redfish/v1/TaskService/Tasks/1';
      Object.assign(answer, json(202, { '@odata.id': location, TaskState: 'Running' }, { Location: location }));
    },
  },
  {
    name: 'names its kinds of reset in an ActionInfo',
    source: 'https://github.com/DMTF/Redfishtool/pull/24',
    before: ({ path }) =>
      path === `${SYSTEMS}/one/ResetActionInfo`
        ? json(200, { Parameters: [{ Name: 'ResetType', AllowableValues: ['On', 'ForceOff', 'ForceRestart'] }] })
        : undefined,
    after(answer, call) {
      if (isSystem(call) && answer.status === 200)
        objectOf(answer)['Actions'] = {
          '#ComputerSystem.Reset': { '@Redfish.ActionInfo': `${SYSTEMS}/one/ResetActionInfo` },
        };
    },
  },
  {
    name: 'names no kinds of reset, and has no PowerCycle',
    source: 'https://github.com/stmcginnis/gofish/pull/279',
    options: { resets: ['On', 'ForceOff', 'ForceRestart'] },
    after(answer, call) {
      if (isSystem(call) && answer.status === 200)
        objectOf(answer)['Actions'] = {
          '#ComputerSystem.Reset': { target: `${SYSTEMS}/one/Actions/ComputerSystem.Reset` },
        };
    },
  },
  {
    name: 'has no actions in its system',
    source: 'https://docs.openstack.org/releasenotes/sushy/unreleased.html',
    after(answer, call) {
      if (isSystem(call) && answer.status === 200) objectOf(answer)['Actions'] = undefined;
    },
  },
  {
    name: 'has no boot in its system until it is set',
    source: 'https://docs.openstack.org/releasenotes/sushy/unreleased.html',
    after(answer, call, sim) {
      if (isSystem(call) && answer.status === 200 && sim.system.version === 1) objectOf(answer)['Boot'] = undefined;
    },
  },
  {
    name: 'knows ForceRestart and no PowerCycle',
    source: 'https://github.com/DMTF/Redfish-Tacklebox/issues/82',
    options: { resets: ['On', 'ForceOff', 'GracefulShutdown', 'ForceRestart', 'Nmi', 'ForceOn', 'PushPowerButton'] },
  },
  {
    name: 'knows neither a restart nor a cycle',
    source: 'https://github.com/yunionio/cloudpods/pull/11612',
    options: { resets: ['On', 'ForceOff'] },
  },
  {
    name: 'spells its kinds of reset in lower case',
    source: 'https://www.dmtf.org/sites/default/files/standards/documents/DSP0266_1.20.0.pdf',
    options: { resets: ['on', 'forceoff', 'forcerestart'] },
    before(call, sim) {
      // What follows a reset is not in lower case.
      if (!isReset(call) || call.given['ResetType'] !== 'forceoff' || !sim.isAllowed(call)) return undefined;
      sim.system.power = 'Off';
      sim.looks = 0;
      sim.lag = 0;
      sim.resetsSeen.push('forceoff');
      return { status: 204, headers: {} };
    },
  },
  {
    name: 'refuses what is so already with 409',
    source: 'https://github.com/dell/dellemc-openmanage-ansible-modules/issues/132',
    before(call, sim) {
      if (!isReset(call) || sim.memory > 0) return undefined;
      // Somebody else is a moment faster.
      sim.memory = 1;
      sim.system.power = call.given['ResetType'] === 'ForceOff' ? 'Off' : 'On';
      return problem(409, 'PSU501', 'Server is already powered ON.');
    },
  },
  {
    name: 'sends one message and not a list of them',
    source:
      'https://github.com/openstack/sushy/blob/master/releasenotes/notes/fix-extended-info-error-handling-73fecb6bf5c852ff.yaml',
    after(answer) {
      const error = (answer.body as { error?: Record<string, unknown> } | undefined)?.error;
      const [first] = (error?.['@Message.ExtendedInfo'] ?? []) as unknown[];
      if (error && first) error['@Message.ExtendedInfo'] = first;
    },
  },
];
