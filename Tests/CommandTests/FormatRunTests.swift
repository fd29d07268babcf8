import Foundation
import Testing

@testable import Command

/// `sluice fmt` on files.
@Suite struct FormatRunTests {
    private static let rough = "(defn f\n[x]\nx)\n"
    private static let tidy = "(defn f\n  [x]\n  x)\n"

    private func format(_ paths: [String], in folder: ScratchFolder, checkOnly: Bool = false) -> (
        code: Int32, screen: Screen
    ) {
        let screen = Screen()
        let code = SessionDriver().format(paths.map(folder.path), checkOnly: checkOnly, screen.console())
        return (code, screen)
    }

    @Test func filesAreFormattedInPlace() throws {
        let folder = try ScratchFolder(["a.slu": Self.rough, "b.slu": Self.tidy])
        let found = format(["a.slu", "b.slu"], in: folder)
        #expect(found.code == 0)
        #expect(found.screen.all == "formatted \(folder.path("a.slu"))\n")
        #expect(try folder.text("a.slu") == Self.tidy)
        #expect(try folder.text("b.slu") == Self.tidy)
        #expect(try folder.names() == ["a.slu", "b.slu"])
    }

    @Test func aCheckChangesNothing() throws {
        let folder = try ScratchFolder(["a.slu": Self.rough, "b.slu": Self.tidy])
        let found = format(["a.slu", "b.slu"], in: folder, checkOnly: true)
        #expect(found.code == 1)
        #expect(found.screen.all == "\(folder.path("a.slu"))\n")
        #expect(try folder.text("a.slu") == Self.rough)
        #expect(format(["b.slu"], in: folder, checkOnly: true).code == 0)
    }

    @Test func aFileThatCannotBeReadIsLeftAlone() throws {
        let folder = try ScratchFolder(["bad.slu": "(f\n", "worse.slu": "", "a.slu": Self.rough])
        try Data([0x28, 0xff, 0x29]).write(to: folder.url("worse.slu"))
        let found = format(["bad.slu", "worse.slu", "missing.slu", "a.slu"], in: folder)
        #expect(found.code == 2)
        #expect(found.screen.error.contains("bad.slu:1:1: error: unclosed list"))
        #expect(found.screen.error.contains("worse.slu:1:2: error:"))
        #expect(found.screen.error.contains("there is no file \(folder.path("missing.slu"))"))
        #expect(try folder.text("bad.slu") == "(f\n")
        #expect(try Data(contentsOf: folder.url("worse.slu")) == Data([0x28, 0xff, 0x29]))
        // The others are formatted all the same.
        #expect(try folder.text("a.slu") == Self.tidy)
    }

    @Test func aFolderStandsForItsSources() throws {
        let folder = try ScratchFolder([
            "src/a.slu": Self.rough, "src/deep/b.cljc": Self.rough, "src/.hidden/c.slu": Self.rough,
            "src/d.md": Self.rough,
        ])
        #expect(format(["src"], in: folder).code == 0)
        #expect(try folder.text("src/a.slu") == Self.tidy)
        #expect(try folder.text("src/deep/b.cljc") == Self.tidy)
        #expect(try folder.text("src/.hidden/c.slu") == Self.rough)
        #expect(try folder.text("src/d.md") == Self.rough)
    }

    /// Data is formatted as data.
    @Test func data() throws {
        let folder = try ScratchFolder(["a.edn": "{:a #my/tag 'b\n:c 1}"])
        #expect(format(["a.edn"], in: folder).code == 0)
        #expect(try folder.text("a.edn") == "{:a #my/tag 'b\n :c 1}\n")
    }
}
