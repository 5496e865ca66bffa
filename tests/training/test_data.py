"""The builders of training/data on tiny made-up sources: what they choose, their masks, their attribution rows.
Those that need OpenCV are skipped, with a word, where it is missing."""
import importlib, json, os, sys, tempfile, unittest, zipfile

try:
    import numpy as np
    from PIL import Image
except ImportError as missing:
    print('skipped:', missing); sys.exit(77)

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..', 'training', 'data'))
import coco, common, compare
import grounds, people, pets, rendered
photos_open = importlib.import_module('open')

try: import cv2
except ImportError: cv2 = None
needs_opencv = unittest.skipUnless(cv2, 'OpenCV is missing')

def save(array, *path):
    os.makedirs(os.path.dirname(os.path.join(*path)), exist_ok=True)
    Image.fromarray(array).save(os.path.join(*path))

def read(*path):
    return np.asarray(Image.open(os.path.join(*path)))

def noise(w, h, seed=0):
    return np.random.RandomState(seed).randint(0, 256, (h, w, 3)).astype(np.uint8)

def square(x, y, w, h):
    return [[x, y, x + w, y, x + w, y + h, x, y + h]]

def coco_list(path, images, annotations):
    """a list of COCO's form: images are (number, licence), annotations (number, category, polygons or run lengths)"""
    d = dict(images=[dict(id=n, license=l, flickr_url='address %d' % n) for n, l in images], categories=[dict(id=1, name='person'), dict(id=2, name='bed'), dict(id=3, name='cup')],
             annotations=[dict(image_id=n, category_id=c, segmentation=s, iscrowd=int(isinstance(s, dict))) for n, c, s in annotations])
    with open(path, 'w') as f: json.dump(d, f)
    return path

class Data(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(); self.addCleanup(folder.cleanup); self.at = folder.name
        self.data, self.clone, self.lists = [common.make_folder(os.path.join(self.at, n)) for n in ('data', 'clone', 'lists')]
        kept = common.listed; common.listed = lambda name: kept(name, self.lists); self.addCleanup(setattr, common, 'listed', kept)
        out, sys.stdout = sys.stdout, open(os.devnull, 'w'); self.addCleanup(lambda: (sys.stdout.close(), setattr(sys, 'stdout', out)))

    def list(self, name, *words):
        with open(os.path.join(self.lists, name + '.txt'), 'w') as f: f.write('\n'.join(words) + '\n')

    def made(self, folder): return sorted(os.listdir(os.path.join(self.data, folder)))

    def lines(self, *path):
        with open(os.path.join(self.data, *path)) as f: return f.read().splitlines()

    def test_pets(self):
        self.list('pets-apart', 'Cat_3'); self.list('pets-val', 'Cat_2')
        for i in range(1, 6):
            save(noise(640, 400, i), self.clone, 'images', 'Cat_%d.jpg' % i)
            trimap = np.full((400, 640), 2, np.uint8); trimap[100:300, 200:400] = 3; trimap[120:280, 220:380] = 1
            if i == 4: trimap[:] = 2
            if i != 5: save(trimap, self.clone, 'annotations', 'trimaps', 'Cat_%d.png' % i)
        pets.build(self.data, [self.clone])
        self.assertEqual(self.made('pets'), ['Cat_1.jpg', 'Cat_1.png', 'Cat_2.jpg', 'Cat_2.png'])  # 3 is apart, 4 without a pet, 5 without a mask
        m = read(self.data, 'pets', 'Cat_1.png')
        self.assertEqual(m.shape, (200, 320)); self.assertEqual((m[0, 0], m[52, 150], m[100, 150]), (0, 128, 255))
        self.assertEqual([(m == v).sum() for v in (255, 128)], [80*80, 100*100 - 80*80])
        self.assertEqual((self.lines('pets-train.txt'), self.lines('pets-val.txt')), (['Cat_1'], ['Cat_2']))

    def test_people(self):
        names = ['%012d' % n for n in (1, 2, 3, 4)]; self.list('people', *names[:3]); self.list('people-val', names[2])
        for n in (1, 2, 3, 4): save(noise(640, 480, n), self.clone, names[n - 1] + '.jpg')
        big, small = square(100, 100, 199, 199), square(500, 100, 39, 39)
        crowd = dict(size=[480, 640], counts=[480*600, 480*40])
        path = coco_list(os.path.join(self.at, 'list.json'), [(1, 4), (2, 3), (3, 7), (4, 5)],
                         [(1, 1, big), (1, 1, small), (1, 1, crowd), (1, 3, square(300, 300, 99, 99)), (2, 1, big), (3, 1, big), (4, 1, big)])
        coco.build(self.data, 'people', [(path, self.clone)], people.mask_of)
        self.assertEqual([f for f in self.made('people') if f.endswith('.jpg')], [names[0] + '.jpg', names[2] + '.jpg'])  # 2: not open; 4: not listed
        m = read(self.data, 'people', names[0] + '.png')
        self.assertEqual((m.shape, m[100, 100], m[60, 260], m[10, 310], m[170, 170], m[100, 49]), ((240, 320), 255, 128, 128, 0, 128))
        self.assertEqual(self.lines('people', 'ATTRIBUTION.tsv'), ['id\tlicence\tflickr_url\tsubjects', names[0] + '\tCC BY 2.0\taddress 1\tperson',
                                                                   names[2] + '\tNo known copyright restrictions\taddress 3\tperson'])
        self.assertEqual((self.lines('people-train.txt'), self.lines('people-val.txt')), ([names[0]], [names[2]]))

    def test_open(self):
        name = '%012d' % 7; self.list('open', name); self.list('open-val'); save(noise(640, 480), self.clone, name + '.jpg')
        path = coco_list(os.path.join(self.at, 'list.json'), [(7, 5)], [(7, 2, square(0, 0, 639, 300)), (7, 1, square(100, 100, 199, 199)),
                                                                       (7, 3, square(300, 150, 39, 39)), (7, 3, square(500, 400, 39, 39))])
        coco.build(self.data, 'open', [(path, self.clone)], photos_open.mask_of)
        m = read(self.data, 'open', name + '.png')                   # the bed is unknown, the cup that touches is a subject, the other is unknown
        self.assertEqual((m[20, 20], m[100, 100], m[85, 160], m[210, 260], m[230, 20]), (128, 255, 255, 128, 0))
        self.assertEqual(self.lines('open', 'ATTRIBUTION.tsv')[1], name + '\tCC BY-SA 2.0\taddress 7\tperson')

    def test_rendered(self):
        self.list('fluent-tones', '1f44b-1f3fc')
        icon = np.zeros((256, 256, 4), np.uint8); icon[40:140, 60:160] = 200, 30, 40, 255; icon[0, 0] = 9, 9, 9, 5
        for n in ('1f34e', '1f44b', '1f44b-1f3fc', '1f44b-1f3fd', '1f1e6-1f1e8', '1f550'): save(icon, self.clone, 'assets', n + '.webp')
        rendered.fluent(self.data, self.clone)
        self.assertEqual(self.made('fluent'), ['1f34e.webp', '1f44b-1f3fc.webp', '1f44b.webp'])
        self.assertEqual(read(self.data, 'fluent', '1f34e.webp').shape, (104, 104, 4)); self.assertGreater(read(self.data, 'fluent', '1f34e.webp')[50, 50, 3], 250)
        save(icon[:128, :128], self.at, 'icon.png')
        for c in rendered.CATALOGUES:
            with zipfile.ZipFile(os.path.join(self.clone, c + '.sh3f'), 'w') as z:
                z.writestr('PluginFurnitureCatalog.properties', 'icon#1=/a/chair.png\nicon#2=/a/passage-pieton.png\nname#1=x.png\n')
                for n in ('chair', 'passage-pieton', 'texture'): z.write(os.path.join(self.at, 'icon.png'), 'a/%s.png' % n)
        rendered.furniture(self.data, self.clone)
        self.assertEqual(self.made('furniture'), sorted(c + '_chair.webp' for c in rendered.CATALOGUES))

    def test_grounds(self):
        sheet = np.full((384, 1024, 3), 255, np.uint8)
        sheet[16:144, 16:144], sheet[16:144, 160:288], sheet[16:80, 304:432], sheet[16:144, 448:490] = 10, 90, 170, 30
        save(sheet, self.clone, 'previews', 'Wood.webp')
        self.assertEqual([n for n, _ in grounds.cells(self.clone)], ['tex_Wood_160_16', 'tex_Wood_16_16', 'tex_Wood_304_16'])  # one is too narrow
        grounds.textures(common.make_folder(os.path.join(self.data, 'grounds')), self.clone)
        self.assertEqual(self.made('grounds'), ['tex_Wood_16_16.webp'])
        half = grounds.tiled(sheet[16:144, 304:432]); self.assertEqual((half.shape, half.min(), half.max()), ((256, 256, 3), 170, 170))
        self.list('grounds-photos', '000000000009', '000000000010'); save(noise(640, 480), self.clone, '000000000009.jpg')
        grounds.photos(os.path.join(self.data, 'grounds'), self.clone)
        self.assertEqual(read(self.data, 'grounds', 'coco_000000000009.jpg').shape, (360, 480, 3)); self.assertEqual(len(self.made('grounds')), 2)

    @needs_opencv
    def test_products(self):
        import products
        self.list('products-val', 'b'); y, x = np.mgrid[:300, :400]
        inside = ((x - 200)**2 + (y - 150)**2 < 80**2)[..., None]
        disc = np.where(inside, np.uint8([160, 60, 40]), np.uint8([190, 200, 200])) + noise(400, 300)//8
        for n in 'ab': save(disc, self.clone, 'images', n + '.jpg')
        save(np.full((300, 400, 3), 128, np.uint8), self.clone, 'images', 'plain.jpg')
        products.build(self.data, self.clone)
        self.assertEqual(self.made('products'), ['a.png', 'a.webp', 'b.png', 'b.webp']); m = read(self.data, 'products', 'a.png')
        self.assertEqual((m.shape, m[144, 192], m[5, 5]), ((288, 384), 255, 0)); self.assertLess(abs((m == 255).mean() - 3.1416*80*80/(300*400)), .02)
        self.assertEqual((self.lines('train.txt'), self.lines('val.txt')), (['a'], ['b']))
        a, b = np.zeros((2, 100, 100), bool); a[20:60, 20:60] = True; b[20:60, 22:60] = True
        self.assertEqual([(products.agreed(a, b) == v).sum() for v in (255, 128)], [40*38, 40*2])
        b[:, :25] = False; self.assertIsNone(products.agreed(a, b)); self.assertIsNone(products.agreed(~a | a, ~a | a)); self.assertIsNone(products.agreed(a & ~a, a))

    @needs_opencv
    def test_cats_and_yards(self):
        import cats, yards
        self.list('cats', 'cat0001', 'cat0003'); self.list('cats-val', 'cat0003'); top = os.path.join(self.clone, 'feral-cat-segmentation.v1i.yolov8', 'test')
        for n in (1, 2, 3):
            save(noise(640, 640, n), top, 'images', 'group000%d_jpg.rf.abc.jpg' % n); os.makedirs(os.path.join(top, 'labels'), exist_ok=True)
            with open(os.path.join(top, 'labels', 'group000%d_jpg.rf.abc.txt' % n), 'w') as f: f.write('0 0.25 0.25 0.5 0.25 0.5 0.5 0.25 0.5\n')
        cats.build(self.data, self.clone)
        self.assertEqual(self.made('cats'), ['cat0001.png', 'cat0001.webp', 'cat0003.png', 'cat0003.webp']); m = read(self.data, 'cats', 'cat0001.png')
        self.assertEqual((m.shape, m[144, 144], m[96, 144], m[300, 300]), ((384, 384), 255, 128, 0)); self.assertEqual(self.lines('cats-val.txt'), ['cat0003'])
        yards.build(self.data, self.clone); parts = self.made('grounds')
        self.assertTrue(parts); self.assertTrue(all(max(read(self.data, 'grounds', p).shape) <= yards.SIDE for p in parts))

    @needs_opencv
    def test_shelves(self):
        import shelves
        self.list('backgrounds', 'a/tall.jpg', 'a/missing.jpg', 'a/even.jpg')
        save(noise(348, 464), self.clone, 'dataset', 'a', 'tall.jpg'); save(noise(348, 348), self.clone, 'dataset', 'a', 'even.jpg')
        shelves.build(self.data, self.clone)
        self.assertEqual(self.made('backgrounds'), ['000.webp', '002.webp']); self.assertEqual(read(self.data, 'backgrounds', '000.webp').shape, (384, 288, 3))

    def test_compare(self):
        for side, edge in (('data', 4), ('clone', 6)):
            m = np.zeros((10, 10), np.uint8); m[:, :edge] = 255; m[0] = 128
            save(np.full((10, 10, 3), 100 + edge, np.uint8), self.at, side, 'a.webp'); save(m, self.at, side, 'a.png')
        save(noise(4, 4), self.data, 'only.webp'); sums = compare.compare(self.data, self.clone)
        self.assertEqual((sums['made'], sums['known'], sums['both']), (2, 1, 1))
        self.assertAlmostEqual(sums['iou_mean'], 4/6); self.assertAlmostEqual(sums['mask_mean'], 18/100); self.assertLess(abs(sums['photo_mean'] - 2), 1)

if __name__ == '__main__':
    unittest.main(verbosity=2)
