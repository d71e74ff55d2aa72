// All checks, in the order in which an administrator would look. A check that fails is a finding, not the end.
import { reasonOf } from '../errors.ts';
import { checkDaemon, checkStoredFiles } from './daemon-checks.ts';
import { checkAddresses, checkDhcpHearing } from './dhcp-checks.ts';
import { type Finding, finding, type Patient } from './finding.ts';
import {
  checkClock,
  checkDisk,
  checkGroup,
  checkInterface,
  checkLoaders,
  checkPermissions,
  checkPrograms,
} from './host-checks.ts';
import { kernelFindings, kernelLimits } from './kernel-checks.ts';
import { checkFirewall, checkOtherDhcp, checkPorts } from './network-checks.ts';
import { checkSharedAddresses } from './shared-addresses.ts';

type Answer = Finding | Finding[];

const CHECKS: readonly { name: string; check(patient: Patient): Answer | Promise<Answer> }[] = [
  { name: 'configuration', check: ({ chosen }) => chosen },
  { name: 'daemon', check: checkDaemon },
  { name: 'interface', check: checkInterface },
  { name: 'ports', check: patient => checkPorts(patient) },
  { name: 'DHCP', check: patient => checkDhcpHearing(patient) },
  { name: 'addresses', check: checkAddresses },
  { name: 'other DHCP', check: checkOtherDhcp },
  { name: 'shared addresses', check: patient => checkSharedAddresses(patient) },
  { name: 'firewall', check: checkFirewall },
  { name: 'kernel', check: ({ health }) => kernelFindings(health?.nodes, kernelLimits()) },
  { name: 'loaders', check: checkLoaders },
  { name: 'programs', check: async () => checkPrograms() },
  { name: 'disk', check: checkDisk },
  { name: 'stored files', check: checkStoredFiles },
  { name: 'permissions', check: checkPermissions },
  { name: 'group', check: patient => checkGroup(patient) },
  { name: 'clock', check: async () => checkClock() },
];

/** The names of the checks, in order. */
export const CHECK_NAMES: readonly string[] = CHECKS.map(({ name }) => name);

export async function examine(patient: Patient): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const { name, check } of CHECKS) {
    try {
      findings.push(...[await check(patient)].flat());
    } catch (error) {
      findings.push(finding(name)('skip', `This could not be checked: ${reasonOf(error)}`));
    }
  }
  return findings;
}
