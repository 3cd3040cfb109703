/*
 * raw-frame LINK MAC SOURCE DESTINATION PORT TAGS TEXT
 *
 * sends one UDP datagram over a link as a frame made by hand, with so many VLAN tags of VLAN 0 before it: what a process with
 * CAP_NET_RAW can send. TAGS may be "ring": no tag, and sent from a ring (packet(7), PACKET_TX_RING), so that all behind the header of
 * the frame is in a page and not in the packet itself.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

static unsigned short checksum(const void *data, size_t length) {
  const unsigned short *words = data;
  unsigned long sum = 0;
  for (size_t i = 0; i < length / 2; i++)
    sum += words[i];
  while (sum >> 16)
    sum = (sum & 0xffff) + (sum >> 16);
  return (unsigned short)~sum;
}

#define RING_SIZE 4096

static int send_by_ring(int fd, const struct sockaddr_ll *to, const unsigned char *frame, size_t length) {
  int version = TPACKET_V2;
  struct tpacket_req ring = {.tp_block_size = RING_SIZE, .tp_block_nr = 1, .tp_frame_size = RING_SIZE / 2, .tp_frame_nr = 2};
  if (setsockopt(fd, SOL_PACKET, PACKET_VERSION, &version, sizeof(version)) < 0 ||
      setsockopt(fd, SOL_PACKET, PACKET_TX_RING, &ring, sizeof(ring)) < 0)
    return -1;
  unsigned char *map = mmap(NULL, RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (map == MAP_FAILED)
    return -1;
  struct tpacket2_hdr *header = (struct tpacket2_hdr *)map;
  memcpy(map + TPACKET2_HDRLEN - sizeof(struct sockaddr_ll), frame, length);
  header->tp_len = (unsigned)length;
  header->tp_status = TP_STATUS_SEND_REQUEST;
  return (int)sendto(fd, NULL, 0, 0, (const struct sockaddr *)to, sizeof(*to));
}

int main(int argc, char **argv) {
  if (argc != 8)
    return 2;
  unsigned char frame[512] = {0};
  unsigned char *at = frame;
  unsigned mac[6];
  if (sscanf(argv[2], "%x:%x:%x:%x:%x:%x", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4], &mac[5]) != 6)
    return 2;
  for (int i = 0; i < 6; i++)
    at[i] = (unsigned char)mac[i];
  at[6] = 2; /* any address of our own */
  at += 12;
  for (int tags = atoi(argv[6]); tags > 0; tags--) {
    memcpy(at, "\x81\x00\x00\x00", 4);
    at += 4;
  }
  memcpy(at, "\x08\x00", 2);
  at += 2;
  size_t length = strlen(argv[7]);
  struct iphdr ip = {.version = 4, .ihl = 5, .ttl = 64, .protocol = IPPROTO_UDP,
                     .tot_len = htons((unsigned short)(sizeof(ip) + sizeof(struct udphdr) + length)),
                     .saddr = inet_addr(argv[3]), .daddr = inet_addr(argv[4])};
  ip.check = checksum(&ip, sizeof(ip));
  struct udphdr udp = {.source = htons(4000), .dest = htons((unsigned short)atoi(argv[5])),
                       .len = htons((unsigned short)(sizeof(udp) + length))};
  memcpy(at, &ip, sizeof(ip));
  memcpy(at + sizeof(ip), &udp, sizeof(udp));
  memcpy(at + sizeof(ip) + sizeof(udp), argv[7], length);
  at += sizeof(ip) + sizeof(udp) + length;
  int fd = socket(AF_PACKET, SOCK_RAW, 0);
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP), .sll_halen = 6,
                           .sll_ifindex = (int)if_nametoindex(argv[1])};
  memcpy(to.sll_addr, frame, 6);
  size_t size = (size_t)(at - frame);
  bool ring = strcmp(argv[6], "ring") == 0;
  if (fd < 0 || (ring ? send_by_ring(fd, &to, frame, size) : (int)sendto(fd, frame, size, 0, (struct sockaddr *)&to, sizeof(to))) < 0) {
    perror("sending");
    return 1;
  }
  return 0;
}
