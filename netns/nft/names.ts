/** Names in the host's nf_tables. */

/** The static table, of family ip. */
export const tableName = 'rkt';

/** The table that a running metadata service owns, of family ip. */
export const serviceTableName = 'rkt-metadata';

/** The table of forwarded ports, of family ip, its maps, and the set of what they say, for connections that were made earlier. */
export const portsTableName = 'rkt-ports';
export const portMaps = { any: 'any', at: 'at' } as const;
export const portSet = 'live';

/** What a running service marks packets to itself with: "rkt". */
export const serviceMark = 0x726b74;

export const setName = {
  /** Addresses of pods whose traffic leaves the host. */
  pods: 'pods',
  /** Every pod's address together with the name of its link. */
  links: 'links',
} as const;
