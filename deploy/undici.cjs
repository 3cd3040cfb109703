/*
 * What rkt uses of the package undici, for the bundle: its index loads several times as much, web sockets, caches and mocks among
 * it, which would cost every fetch some twenty milliseconds.
 */
const Dispatcher = require('undici/lib/dispatcher/dispatcher.js');

Dispatcher.prototype.request = require('undici/lib/api/api-request.js');
// By which an agent for a proxy makes its tunnels.
Dispatcher.prototype.connect = require('undici/lib/api/api-connect.js');

exports.Agent = require('undici/lib/dispatcher/agent.js');
exports.buildConnector = require('undici/lib/core/connect.js');
exports.ProxyAgent = require('undici/lib/dispatcher/proxy-agent.js');
