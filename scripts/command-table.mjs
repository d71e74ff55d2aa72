#!/usr/bin/env node
// Writes dist/src/cli/commands.json from the built table of nouns: each action with the module that has its work.
import { readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const FOLDER = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist/src/cli');
const load = async name => import(pathToFileURL(join(FOLDER, name)).href);

const names = readdirSync(FOLDER, { recursive: true }).filter(name => name.endsWith('.js'));
const modules = new Map();
// bin.js is the program itself; modules that read the table cannot be loaded before it is written.
for (const name of names.filter(name =>
  /(^|[-/])action(s)?\.js$|^(node-list|add-boot-config|distro-import|download)\.js$/.test(name),
))
  modules.set(`./${name}`, await load(name));
const { commandData } = await load('command-data.js');
writeFileSync(join(FOLDER, 'commands.json'), JSON.stringify(commandData(modules)));
