// A node as power control sees it.
import type { TemplateFacts } from '../model/power-template.ts';

export interface PoweredNode {
  uid: string;
  name: string;
  ip: string;
  powerUri: string;
  isUp: boolean;
  /** Whether its firmware was seen to be UEFI. */
  efi: boolean;
  facts: TemplateFacts;
}
