// fake_hub: answers GETs with what it is told: node fake_hub.js '{"PATH": [STATUS, BODY, HEADERS], …}'. Prints its URL.
// An answer "hang" never comes.
const http = require('http');
const answers = JSON.parse(process.argv[2]);
const server = http.createServer((request, response) => {
  const answer = answers[request.url.split('?')[0]] || [404, {}];
  if (answer === 'hang') return;
  response.writeHead(answer[0], { 'Content-Type': 'application/json', ...answer[2] });
  response.end(JSON.stringify(answer[1]));
});
server.on('upgrade', (request, socket) => socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}'));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
