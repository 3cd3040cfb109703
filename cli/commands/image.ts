import type { Command } from '../command.ts';

export const command: Command = {
  name: 'image',
  summary: 'list, remove, check, extract and build images',
  usage: 'COMMAND [options] [arguments]',
  description:
    'Works on the images of the store, and builds new ones. An image is named by its name, its id or the beginning of it; ' +
    'nothing is fetched. To sign an ACI: gpg --armor --output app.aci.asc --detach-sign app.aci',
  options: [],
  subcommands: [
    {
      name: 'list',
      summary: 'list the images of the store',
      load: async () => (await import('./image/list.ts')).command,
    },
    { name: 'rm', summary: 'remove images', load: async () => (await import('./image/rm.ts')).command },
    {
      name: 'gc',
      summary: 'remove images that nobody has used for a while',
      load: async () => (await import('./image/gc.ts')).command,
    },
    {
      name: 'cat-manifest',
      summary: 'print the manifest of an image',
      load: async () => (await import('./image/cat-manifest.ts')).command,
    },
    {
      name: 'export',
      summary: 'write an image to an ACI file',
      load: async () => (await import('./image/export.ts')).command,
    },
    {
      name: 'extract',
      summary: 'write the files of an image to a directory',
      load: async () => (await import('./image/extract.ts')).command,
    },
    {
      name: 'render',
      summary: 'write what an app of an image runs on to a directory',
      load: async () => (await import('./image/render.ts')).command,
    },
    {
      name: 'verify',
      summary: 'check stored images against their hashes',
      load: async () => (await import('./image/verify.ts')).command,
    },
    {
      name: 'build',
      summary: 'build an ACI from a directory',
      load: async () => (await import('./image/build.ts')).command,
    },
  ],
  run() {
    throw new TypeError('one of the commands below is run');
  },
};
