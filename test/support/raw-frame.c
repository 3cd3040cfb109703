/*
 * raw-frame LINK MAC SOURCE DESTINATION PORT TAGS TEXT
 *
 * sends one UDP datagram over a link as a frame made by hand, with so many VLAN tags of VLAN 0 before it: what a process with
 * CAP_NET_RAW can send.
 */
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(argv[1]), .sll_halen = 6};
  if (fd < 0 || sendto(fd, frame, (size_t)(at - frame), 0, (struct sockaddr *)&to, sizeof(to)) < 0) {
    perror("sending");
    return 1;
  }
  return 0;
}
