import Adapters
import Reader
import Values

/// The codec as the composition root of a real run gives it.
func testJSON(_ names: Names) -> JSONCodec {
    JSONCodec(
        encode: { value throws(Fault) in try JSON.write(value) },
        decode: { bytes, keywords throws(Fault) in try JSON.read(bytes, keys: keywords ? .keywords(names) : .strings) })
}
