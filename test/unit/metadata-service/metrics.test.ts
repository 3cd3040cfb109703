import { expect, test } from '@jest/globals';
import { Metrics } from '../../../metadata-service/metrics.ts';

test('renders counters, gauges and a cumulative histogram as Prometheus reads them', () => {
  const metrics = new Metrics();
  metrics.request('pod/uuid', 200, 0.0004);
  metrics.request('pod/uuid', 200, 0.02);
  metrics.request('none', 403, 60);
  metrics.refusal('unknown_caller');
  metrics.registration('registered');
  const lines = metrics.render({ pods: 2, connections: 5 }).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      '# TYPE rkt_metadata_pods gauge',
      'rkt_metadata_pods 2',
      'rkt_metadata_connections 5',
      'rkt_metadata_registrations_total{event="registered"} 1',
      'rkt_metadata_requests_total{endpoint="pod/uuid",status="200"} 2',
      'rkt_metadata_requests_total{endpoint="none",status="403"} 1',
      'rkt_metadata_refusals_total{reason="unknown_caller"} 1',
      'rkt_metadata_request_duration_seconds_bucket{le="0.0005"} 1',
      'rkt_metadata_request_duration_seconds_bucket{le="0.01"} 1',
      'rkt_metadata_request_duration_seconds_bucket{le="0.025"} 2',
      'rkt_metadata_request_duration_seconds_bucket{le="2.5"} 2',
      'rkt_metadata_request_duration_seconds_bucket{le="+Inf"} 3',
      'rkt_metadata_request_duration_seconds_count 3',
    ]),
  );
  expect(lines.at(-1)).toBe('');
});
