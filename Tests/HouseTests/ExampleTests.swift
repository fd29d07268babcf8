import Foundation
import TestSupport
import Testing

/// The small examples, as built: each does what its README says.
@Suite struct ExampleTests {
    private func run(_ example: String, _ arguments: [String], _ scratch: Scratch, allow: [String] = []) throws
        -> Repository.Result
    {
        let script = Repository.root.appending(path: "examples/\(example)").path
        return try Repository.run(
            try Repository.program, ["run"] + allow.flatMap { ["--allow", $0] } + [script] + arguments,
            environment: Repository.offlineEnvironment, folder: scratch.folder)
    }

    /// A pixmap with a comment in its header, of what `pixel` gives for each column and row.
    private static func pixmap(
        _ width: Int, _ height: Int, comment: String = "", _ pixel: (Int, Int) -> [UInt8]
    ) -> [UInt8] {
        var bytes = Array("P6\n\(comment)\(width) \(height)\n255\n".utf8)
        for y in 0..<height { for x in 0..<width { bytes += pixel(x, y) } }
        return bytes
    }

    @Test func thePipelineDownloadsScalesAndStores() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let pictures: [String: [UInt8]] = [
            "/red.ppm": Self.pixmap(64, 48) { _, _ in [255, 0, 0] },
            "/ramp.ppm": Self.pixmap(32, 32, comment: "# a ramp\n") { x, y in [UInt8(x * 8), UInt8(y * 8), 100] },
            "/odd.ppm": Self.pixmap(25, 3) { x, _ in [UInt8(x), UInt8(x * 2), UInt8(x * 3)] },
            "/small.ppm": Self.pixmap(4, 2) { x, y in [UInt8(x), UInt8(y), 7] },
            "/broken.ppm": Array("P6 2 2 255 x".utf8),
        ]
        let server = LoopbackServer { request, connection in
            if let picture = pictures[request.path] {
                connection.answer(200, picture)
            } else {
                connection.respond(404)
            }
        }
        let names = ["red", "ramp", "odd", "small", "broken", "missing"]
        let result = try run(
            "image-pipeline/pipeline.slu", ["small"] + names.map { "\(server.url)/\($0).ppm" }, scratch,
            allow: ["net=127.0.0.1:\(server.port)"])
        #expect(result.code == 1, "\(result.error)")
        let lines = result.output.split(separator: "\n").map(String.init)
        try #require(lines.count == 6)
        #expect(lines[0] == "failed \(server.url)/broken.ppm: the picture is not as large as it says")
        #expect(lines[1].hasPrefix("failed \(server.url)/missing.ppm: ") && lines[1].contains("404"))
        #expect(
            lines[2...] == [
                "stored small/odd.ppm, 16 by 1", "stored small/ramp.ppm, 16 by 16", "stored small/red.ppm, 16 by 12",
                "stored small/small.ppm, 4 by 2",
            ])
        func stored(_ name: String) throws -> [UInt8] {
            Array(try Data(contentsOf: scratch.folder.appending(path: "small/\(name).ppm")))
        }
        #expect(try stored("red") == Self.pixmap(16, 12) { _, _ in [255, 0, 0] })
        // Each pixel is the average of two by two: columns 2x and 2x + 1.
        #expect(try stored("ramp") == Self.pixmap(16, 16) { x, y in [UInt8(x * 16 + 4), UInt8(y * 16 + 4), 100] })
        // 25 columns in 16 parts: part x goes from ⌊25x/16⌋ up to ⌊25(x + 1)/16⌋.
        let odd = Self.pixmap(16, 1) { x, _ in
            let columns = Array(x * 25 / 16..<(x + 1) * 25 / 16)
            return [1, 2, 3].map { colour in UInt8(columns.reduce(0) { $0 + $1 * colour } / columns.count) }
        }
        #expect(try stored("odd") == odd)
        #expect(try stored("small") == pictures["/small.ppm"])
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scratch.folder.appending(path: "small").path).count == 4
        )
    }

    @Test func thePipelineMayNotConnectUngranted() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let server = LoopbackServer { _, connection in connection.respond(200) }
        let result = try run("image-pipeline/pipeline.slu", ["small", "\(server.url)/a.ppm"], scratch)
        #expect(result.code == 1)
        #expect(result.output.contains("--allow net=127.0.0.1"))
        #expect(server.requests.isEmpty)
    }

    @Test func everyoneHearsAllReadings() throws {
        let scratch = try Scratch()
        defer { scratch.remove() }
        let result = try run("fan-out/fan_out.slu", [], scratch)
        #expect(result.code == 0, "\(result.error)")
        #expect(
            result.output
                == (try String(
                    contentsOf: Repository.root.appending(path: "examples/fan-out/expected.txt"), encoding: .utf8)))
    }
}
