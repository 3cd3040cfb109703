/** The part of the package node-netlink that rkt uses; it brings no types of its own. */
declare module 'node-netlink' {
  export interface Message {
    header: { nlmsg_type: bigint; nlmsg_flags: bigint };
    payload: Buffer;
  }

  export interface Socket {
    /** Sends a request with NLM_F_ACK. `errorCode` is a positive errno, or 0. Rejects where no answer comes in time. */
    tryTalk(message: Message, options?: { timeout?: number }): Promise<{ errorCode: number; packets: Message[] }>;
    close(): Promise<void>;
  }

  const netlink: {
    open(options: { family: number }): Promise<Socket>;
  };
  export default netlink;
}
