/** Names in the host's nf_tables. */

/** The table, of family ip. */
export const tableName = 'rkt';

export const setName = {
  /** Addresses of pods whose traffic leaves the host. */
  pods: 'pods',
  /** Every pod's address together with the name of its link. */
  links: 'links',
} as const;
