// The daemon: whether it runs, in which version, on which configuration, and whether all stored files are there.
import { version } from '../package-root.ts';
import { type Finding, finding, type Patient } from './finding.ts';

export function checkDaemon({ config, health, silence }: Patient): Finding[] {
  const say = finding('daemon');
  if (!health)
    return [
      say(
        'fail',
        silence ?? 'musterd does not answer.',
        'systemctl start musterd; journalctl -u musterd says why it ended.',
      ),
    ];
  const findings: Finding[] = [];
  if (health.version !== version)
    findings.push(
      say('warn', `musterd is ${health.version}, this command line ${version}.`, 'systemctl restart musterd'),
    );
  const differs = (
    [
      ['head.address', health.address],
      ['http.port', health.http_port],
    ] as const
  ).filter(([key, value]) => config[key] !== value);
  for (const [key, value] of differs)
    findings.push(
      say('warn', `musterd runs with ${key} ${value}, the file says ${config[key]}.`, 'systemctl restart musterd'),
    );
  return findings.length > 0
    ? findings
    : [say('ok', `musterd ${health.version} runs on ${health.address} as process ${health.pid}.`)];
}

export function checkStoredFiles({ health, missing, short }: Pick<Patient, 'health' | 'missing' | 'short'>): Finding[] {
  const say = finding('stored files');
  if (!health) return [say('skip', 'Only a running musterd knows which files must be there.')];
  if (missing.length === 0 && short.length === 0)
    return [say('ok', 'All files that objects name are there, in their sizes.')];
  const faults = [
    ...missing.map(({ sha256, keptBy }) => ({ sha256, keptBy, what: 'is gone, and' })),
    ...short.map(({ sha256, keptBy, size, wanted }) => ({
      sha256,
      keptBy,
      what: `has ${size} of ${wanted} bytes, and is`,
    })),
  ];
  return faults.map(({ sha256, keptBy, what }) =>
    say(
      'fail',
      `${sha256.slice(0, 12)} ${what} wanted by ${keptBy.join(', ')}.`,
      'Upload it again (update …=@FILE), or muster restore.',
    ),
  );
}
